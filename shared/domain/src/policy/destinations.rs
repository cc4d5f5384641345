//! Where copies go, and what holds for the images in one Region only.

use crate::ids::{KeyAlias, Region};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// The least that EC2 takes as a copy's time, in minutes (aws-behaviour.md#time-based-copies).
pub(crate) const MINUTES_MIN: u32 = 15;
/// The most.
pub(crate) const MINUTES_MAX: u32 = 2880;
/// A time is a multiple of this.
pub(crate) const MINUTES_STEP: u32 = 15;

/// The time within which EC2 completes each snapshot of a copy, at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct CopyMinutes(u32);

/// Minutes that EC2 does not take as a copy's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{0} is not a time for a copy: EC2 takes {MINUTES_MIN} to {MINUTES_MAX} minutes, in steps of {MINUTES_STEP}"
)]
pub struct InvalidMinutes(u32);

impl CopyMinutes {
    /// Accepts a time that EC2 takes.
    pub fn new(minutes: u32) -> Result<Self, InvalidMinutes> {
        let taken =
            (MINUTES_MIN..=MINUTES_MAX).contains(&minutes) && minutes.is_multiple_of(MINUTES_STEP);
        if taken { Ok(Self(minutes)) } else { Err(InvalidMinutes(minutes)) }
    }

    /// As a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl From<CopyMinutes> for u32 {
    fn from(minutes: CopyMinutes) -> u32 {
        minutes.0
    }
}

impl TryFrom<u32> for CopyMinutes {
    type Error = InvalidMinutes;
    fn try_from(minutes: u32) -> Result<Self, InvalidMinutes> {
        Self::new(minutes)
    }
}

/// What holds for the images in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The key that they end up under, instead of the policy's.
    pub kms_key: Option<KeyAlias>,
    /// The time for the copy, instead of the policy's.
    pub within_minutes: Option<CopyMinutes>,
}

/// Destination Regions, each once, with what holds there. A Region without anything of its own is
/// written as its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations(BTreeMap<Region, Destination>);

impl Destinations {
    /// The Regions, in order.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.0.keys()
    }

    /// What holds in a Region, if it is one of them.
    pub fn get(&self, region: &Region) -> Option<&Destination> {
        self.0.get(region)
    }

    /// Each with what holds there.
    pub fn iter(&self) -> impl Iterator<Item = (&Region, &Destination)> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An item as it is written. The field's name is the Region's, so that a Region alone can stand for
/// the whole of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    region: Region,
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    kms_key: Option<KeyAlias>,
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    within_minutes: Option<CopyMinutes>,
}

impl Serialize for Destinations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (region, destination) in &self.0 {
            let Destination { kms_key, within_minutes } = destination.clone();
            if kms_key.is_none() && within_minutes.is_none() {
                list.serialize_element(region)?;
            } else {
                list.serialize_element(&Written {
                    region: region.clone(),
                    kms_key,
                    within_minutes,
                })?;
            }
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Destinations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Destinations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Regions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut destinations = BTreeMap::new();
        while let Some(Item(region, destination)) = items.next_element()? {
            match destinations.get(&region) {
                Some(before) if *before != destination => {
                    return Err(A::Error::custom(format!(
                        "{region} is there twice, with different settings"
                    )));
                }
                Some(_) | None => destinations.insert(region, destination),
            };
        }
        Ok(Destinations(destinations))
    }
}

struct Item(Region, Destination);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Region's name, or an object with the field region")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
        let region = Region::new(text).map_err(E::custom)?;
        Ok(Item(region, Destination::default()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
        let Written { region, kms_key, within_minutes } =
            Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Item(region, Destination { kms_key, within_minutes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Destinations, serde_json::Error> {
        serde_json::from_str(&value.to_string())
    }

    #[test]
    fn a_region_may_be_a_name_or_an_object_and_is_written_as_shortly_as_it_can_be() {
        let list = json!(["us-west-2", {"region": "eu-west-1", "kms_key": "alias/eu", "within_minutes": 60}, {"region": "sa-east-1"}]);
        let read = read(list).unwrap();
        let europe = read.get(&Region::new("eu-west-1").unwrap()).unwrap();
        assert_eq!(europe.kms_key.as_ref().map(KeyAlias::as_str), Some("alias/eu"));
        assert_eq!(europe.within_minutes.map(CopyMinutes::get), Some(60));
        let written = serde_json::to_value(&read).unwrap();
        let europe = json!({"region": "eu-west-1", "kms_key": "alias/eu", "within_minutes": 60});
        assert_eq!(written, json!([europe, "sa-east-1", "us-west-2"]));
        assert_eq!(super::tests::read(written).unwrap(), read);
    }

    #[test]
    fn a_region_may_be_named_again_but_never_with_other_settings() {
        assert_eq!(
            read(json!(["us-west-2", {"region": "us-west-2"}])).unwrap().regions().count(),
            1
        );
        assert!(read(json!(["us-west-2", {"region": "us-west-2", "within_minutes": 60}])).is_err());
        assert!(
            read(json!([{"region": "us-west-2", "kms_key": "alias/a"}, {"region": "us-west-2"}]))
                .is_err()
        );
    }

    #[test]
    fn a_setting_that_is_there_has_a_value() {
        assert!(read(json!([{"region": "us-west-2", "within_minutes": null}])).is_err());
        assert!(read(json!([{"region": "us-west-2", "kms_key": null}])).is_err());
        assert!(
            read(json!([["us-west-2"]])).is_err() && read(json!([{"kms_key": "alias/a"}])).is_err()
        );
    }

    #[test]
    fn a_time_is_one_that_ec2_takes() {
        for good in [15, 30, 60, 2865, 2880] {
            assert_eq!(CopyMinutes::new(good).map(CopyMinutes::get), Ok(good));
        }
        for bad in [0, 1, 14, 16, 50, 2879, 2881, 2895, u32::MAX] {
            assert!(CopyMinutes::new(bad).is_err(), "{bad}");
        }
    }
}
