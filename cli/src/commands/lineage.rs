//! `amiline lineage`: the trees that an image or an instance belongs to, with their histories.

use super::families::family_json;
use super::{Answer, connect, not_found, regions_in_use};
use crate::args::{Args, Subject};
use crate::failure::CommandError;
use crate::output::width;
use crate::table::Table;
use amiline_app::listing::with_snapshot;
use amiline_app::ports::{Catalogue, RecordReader};
use amiline_app::retry::RetryError;
use amiline_aws::{Aws, Operator};
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{ImageId, InstanceId, Region, SnapshotId};
use amiline_domain::lineage::tree;
use amiline_domain::reason::Reason;
use amiline_domain::time::utc;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) async fn run(
    args: &Args,
    of: &Subject,
    region: Option<Region>,
) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let families = match of {
        Subject::Image(image) => vec![family_of_image(&aws, image, region).await?],
        Subject::Snapshot(snapshot) => vec![family_of_snapshot(&aws, snapshot, region).await?],
        Subject::Instance(instance) => families_of_instance(&aws, instance, region).await?,
        Subject::Family(id) => match aws.family(id).await? {
            Some(family) => vec![family],
            None => return Err(RetryError::NoSuchFamily(id.clone()).into()),
        },
    };
    let mut shown: Vec<(Family, Vec<HistoryItem>)> = Vec::new();
    for family in families {
        let history = aws.history(&family.id).await?;
        shown.push((family, history));
    }
    Ok(Answer::done(if args.json { as_json(&shown) } else { text(&shown) }))
}

async fn family_of_image(
    aws: &Aws<Operator>,
    image: &ImageId,
    region: Option<Region>,
) -> Result<Family, CommandError> {
    let regions: Vec<Region> = match region {
        Some(region) => vec![region],
        None => regions_in_use(aws).await?,
    };
    for region in &regions {
        let Some(id) = aws.family_of_image(region, image).await? else { continue };
        if let Some(family) = aws.family(&id).await? {
            return Ok(family);
        }
    }
    Err(not_found(image.to_string(), &regions))
}

/// No record is found by its snapshots, so the families are read, newest first.
async fn family_of_snapshot(
    aws: &Aws<Operator>,
    snapshot: &SnapshotId,
    region: Option<Region>,
) -> Result<Family, CommandError> {
    match with_snapshot(aws, snapshot, region.as_ref()).await? {
        Some(family) => Ok(family),
        None => Err(CommandError::NoSnapshot(snapshot.clone())),
    }
}

async fn families_of_instance(
    aws: &Aws<Operator>,
    instance: &InstanceId,
    region: Option<Region>,
) -> Result<Vec<Family>, CommandError> {
    let regions: Vec<Region> = match region {
        Some(region) => vec![region],
        None => regions_in_use(aws).await?,
    };
    for region in &regions {
        let families = aws.families_of_instance(region, instance, usize::MAX).await?;
        if !families.is_empty() {
            return Ok(families);
        }
    }
    Err(not_found(instance.to_string(), &regions))
}

/// An item as it is stored, and its reason in words as well.
fn item_json(item: &HistoryItem) -> Value {
    let mut json = json!(item);
    if let (Some(fields), Some(reason)) = (json.as_object_mut(), &item.reason) {
        fields.insert("reason".to_owned(), json!(reason.document()));
    }
    json
}

/// Each tree, with its history under it.
fn text(shown: &[(Family, Vec<HistoryItem>)]) -> String {
    let mut out = String::new();
    for (family, history) in shown {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", tree(family));
        let mut table = Table::indented(2);
        for item in history {
            let image = item.image.as_ref().map_or("", |image| image.as_str());
            let reason = item.reason.as_ref().map(Reason::text).unwrap_or_default();
            let said = format!("{image} {reason}").trim().to_owned();
            table.row([
                utc(item.at),
                item.event.as_str().to_owned(),
                item.region.to_string(),
                said,
            ]);
        }
        let _ = writeln!(out, "{}", table.text(width()));
    }
    out
}

fn as_json(shown: &[(Family, Vec<HistoryItem>)]) -> String {
    let families: Vec<Value> = shown
        .iter()
        .map(|(family, history)| {
            let mut value = family_json(family);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("history".to_owned(), history.iter().map(item_json).collect());
            }
            value
        })
        .collect();
    json!({"families": families}).to_string()
}
