//! What a policy's text asks for, read naively: nothing here is shared with the product's own reading.

use amiline_domain::bounds::Bounds;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a usable policy asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) regions: BTreeSet<String>,
    pub(super) key: Option<String>,
    pub(super) accounts: BTreeSet<String>,
    pub(super) reboot: bool,
    pub(super) hours: i64,
}

/// What the text asks for; `None` if it cannot be used.
pub(super) fn read(text: &str) -> Option<Asked> {
    let Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    let known = ["description", "create", "encrypt", "distribute", "share", "deadline_hours"];
    if fields.keys().any(|field| !known.contains(&field.as_str())) {
        return None;
    }
    let list = |field: &str, name: &str| -> BTreeSet<String> {
        let values = fields.get(field).and_then(|value| value[name].as_array()).into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let asked = Asked {
        regions: list("distribute", "regions"),
        key: fields.get("encrypt").and_then(|value| value["kms_key"].as_str()).map(str::to_owned),
        accounts: list("share", "accounts"),
        reboot: fields.get("create").is_some_and(|value| value["reboot"] == Value::Bool(true)),
        hours: fields.get("deadline_hours").map_or(Some(24), Value::as_i64)?,
    };
    let sharable = asked.accounts.is_empty() || asked.key.is_some();
    (sharable && (1..=168).contains(&asked.hours)).then_some(asked)
}

impl Asked {
    /// Whether the stack allows it.
    pub(super) fn is_within(&self, bounds: &Bounds) -> bool {
        let regions = self.regions.iter().all(|name| bounds.regions.iter().any(|region| region.as_str() == name));
        let accounts = self.accounts.iter().all(|id| bounds.accounts.iter().any(|account| account.as_str() == id));
        let key = self.key.iter().all(|alias| bounds.keys.iter().any(|key| key.as_str() == alias));
        regions && accounts && key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::POLICIES;

    #[test]
    fn the_naive_reading_and_the_products_agree_on_the_policies_that_people_use() {
        for (name, text) in POLICIES {
            let naive = read(text);
            let product = amiline_domain::policy::Policy::parse(text);
            assert_eq!(naive.is_some(), product.is_ok(), "{name}");
            if let (Some(naive), Ok(product)) = (naive, product) {
                assert_eq!(naive.reboot, product.create.reboot, "{name}");
                assert_eq!(naive.hours, i64::from(product.deadline_hours), "{name}");
                let regions: BTreeSet<String> = product.distribute.regions.iter().map(ToString::to_string).collect();
                assert_eq!(naive.regions, regions, "{name}");
            }
        }
    }
}
