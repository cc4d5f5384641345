//! The Regions in which a policy promises an instance an image for each slot.

use crate::ids::Region;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Each Region, with the time since which an image is promised there, in the order of the Regions.
///
/// Most policies promise one to three Regions, and a node of a `BTreeMap` has room for eleven. Of
/// 100,000 instances with five policies each, those nodes took 190 MiB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Region, Timestamp>", into = "BTreeMap<Region, Timestamp>")]
pub struct Promised(Vec<(Region, Timestamp)>);

impl Promised {
    /// Whether no image is promised.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each Region, with the time since which an image is promised there.
    pub fn iter(&self) -> impl Iterator<Item = (&Region, Timestamp)> {
        self.0.iter().map(|(region, since)| (region, *since))
    }

    /// Whether an image is promised in a Region.
    pub fn contains(&self, region: &Region) -> bool {
        self.place(region).is_ok()
    }

    /// Promises nothing any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the Regions that pass.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Region) -> bool) {
        self.0.retain(|(region, _)| keep(region));
    }

    /// Promises images in a Region from now on, unless they are promised there already.
    pub(crate) fn add(&mut self, region: &Region, now: Timestamp) {
        if let Err(place) = self.place(region) {
            self.0.reserve_exact(1);
            self.0.insert(place, (region.clone(), now));
        }
    }

    /// Where the Region is, or where it belongs.
    fn place(&self, region: &Region) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(region))
    }
}

impl From<BTreeMap<Region, Timestamp>> for Promised {
    fn from(regions: BTreeMap<Region, Timestamp>) -> Self {
        Self(regions.into_iter().collect())
    }
}

impl From<Promised> for BTreeMap<Region, Timestamp> {
    fn from(promised: Promised) -> Self {
        promised.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REGIONS: [&str; 5] = ["eu-west-1", "us-east-1", "ap-south-1", "us-west-2", "eu-north-1"];

    proptest! {
        /// A map from Regions to times does the same; its form in a record is the same too.
        #[test]
        fn promised_regions_are_a_map_in_the_order_of_regions(
            steps in proptest::collection::vec((0..REGIONS.len(), any::<bool>()), 0..30),
        ) {
            let (mut promised, mut map) = (Promised::default(), BTreeMap::new());
            for (second, (place, step)) in (0..).zip(steps) {
                let region = Region::new(REGIONS[place]).unwrap();
                let now = Timestamp::from_second(second).unwrap();
                if step {
                    promised.add(&region, now);
                    map.entry(region.clone()).or_insert(now);
                } else {
                    promised.retain(|kept| *kept != region);
                    map.remove(&region);
                }
                prop_assert_eq!(promised.contains(&region), map.contains_key(&region));
                let pairs = map.iter().map(|(region, since)| (region, *since));
                prop_assert!(promised.iter().eq(pairs));
                let text = serde_json::to_string(&promised).unwrap();
                prop_assert_eq!(&text, &serde_json::to_string(&map).unwrap());
                prop_assert_eq!(&serde_json::from_str::<Promised>(&text).unwrap(), &promised);
            }
        }
    }
}
