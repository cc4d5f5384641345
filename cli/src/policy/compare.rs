//! What would change, and what was changed.

use crate::paint::Paint;
use amiline_app::policies::{Applied, Base, Compared, Meanwhile};
use amiline_domain::escape::one_line;
use amiline_domain::policy::{Change, Difference, Verdict};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Each policy with the fields that differ, in columns.
pub(crate) fn text(compared: &[Compared], paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for one in compared {
        let name = paint.strong(one.proposed.name.as_str());
        let base = one.base.map(against).unwrap_or_default();
        let (what, changes) = match &one.verdict {
            Verdict::New(changes) => (paint.good("new"), changes.as_slice()),
            Verdict::Same => (format!("the same as {base}"), &[][..]),
            Verdict::Differs(changes) => {
                (format!("{} against {base}", paint.change("changes")), changes.as_slice())
            }
            Verdict::Mends { error, instead, changes } => {
                let newest = one.version.unwrap_or_default();
                let broken = paint.bad(&format!("version {newest} is not valid"));
                let told = match instead {
                    Some(_) if changes.is_empty() => {
                        format!("{broken}: {error}; it becomes the same as {base}")
                    }
                    Some(_) => format!("{broken}: {error}; it changes against {base}"),
                    None => format!("{broken}: {error}; it becomes"),
                };
                (told, changes.as_slice())
            }
        };
        let _ = writeln!(out, "{name}: {what}");
        let width =
            changes.iter().map(|change| change.field.chars().count()).max().unwrap_or_default();
        for change in changes {
            let (sign, value) = said(change);
            let line = format!("{sign} {:width$}  {value}", change.field);
            let painted = match sign {
                '+' => paint.good(&line),
                '-' => paint.bad(&line),
                _ => paint.change(&line),
            };
            let _ = writeln!(out, "  {painted}");
        }
        for beyond in &one.beyond {
            let _ = writeln!(out, "  {}", paint.bad(&format!("! {beyond}")));
        }
    }
    out
}

fn against(base: Base) -> String {
    let state = if base.in_force { "which is in force" } else { "which the stack does not allow" };
    format!("version {}, {state}", base.version)
}

fn said(change: &Change) -> (char, String) {
    match &change.difference {
        Difference::Set { to } => ('+', value(to)),
        Difference::Unset { from } => ('-', value(from)),
        Difference::Changed { from, to } => ('~', format!("{} -> {}", value(from), value(to))),
        Difference::Items { added, removed } => {
            let signed = |sign: char, items: &[Value]| {
                items.iter().map(|item| format!("{sign}{}", value(item))).collect::<Vec<_>>()
            };
            ('~', [signed('+', added), signed('-', removed)].concat().join(", "))
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text, 100),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => destination(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A Region with what holds there only: `eu-west-1 (kms_key alias/eu, within_minutes 60)`.
fn destination(fields: &Map<String, Value>) -> String {
    let own = fields.iter().filter(|(name, _)| *name != "region");
    let own: Vec<String> =
        own.map(|(name, own)| format!("{} {}", one_line(name, 40), value(own))).collect();
    format!("{} ({})", fields.get("region").map(value).unwrap_or_default(), own.join(", "))
}

/// Each policy that was written, with the way back.
pub(crate) fn applied(applied: &[Applied], paint: Paint) -> String {
    let mut out = String::new();
    for one in applied {
        let name = &one.name;
        let back = match one.version.checked_sub(1).filter(|before| *before > 0) {
            Some(before) => format!("; back: amiline policy restore {name} --version {before}"),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "{}",
            paint.good(&format!("Wrote {name}, version {}{back}", one.version))
        );
        match &one.meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Covered(versions) => {
                for version in versions {
                    let by = one_line(&version.by, 200);
                    let told = format!(
                        "  {by} wrote version {} in the same moment; it is covered now, and kept: amiline policy show \
                         {name} --version {}",
                        version.version, version.version
                    );
                    let _ = writeln!(out, "{}", paint.bad(&told));
                }
            }
            Meanwhile::Unread => {
                let told = format!(
                    "  Somebody else wrote in the same moment; see amiline policy history {name}"
                );
                let _ = writeln!(out, "{}", paint.bad(&told));
            }
            Meanwhile::Deleted => {
                let told =
                    "  Somebody deleted it in the same moment: its earlier versions are gone";
                let _ = writeln!(out, "{}", paint.bad(told));
            }
        }
    }
    out
}

/// The same for programs.
pub(crate) fn as_json(compared: &[Compared], applied: &[Applied]) -> Value {
    let policies = compared.iter().map(|one| {
        let (verdict, changes) = match &one.verdict {
            Verdict::New(changes) => ("new", changes.as_slice()),
            Verdict::Same => ("same", &[][..]),
            Verdict::Differs(changes) => ("differs", changes.as_slice()),
            Verdict::Mends { changes, .. } => ("mends", changes.as_slice()),
        };
        let written = applied.iter().find(|applied| applied.name == one.proposed.name);
        json!({
            "policy": one.proposed.name,
            "newest": one.version,
            "compared_with": one.base.map(|base| base.version),
            "in_force": one.base.filter(|base| base.in_force).map(|base| base.version),
            "verdict": verdict,
            "changes": changes,
            "beyond_bounds": one.beyond.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "written": written.map(|written| written.version),
            "meanwhile": written.and_then(|written| meanwhile(&written.meanwhile)),
        })
    });
    json!({"policies": policies.collect::<Vec<_>>()})
}

fn meanwhile(meanwhile: &Meanwhile) -> Option<Value> {
    match meanwhile {
        Meanwhile::Nothing => None,
        Meanwhile::Covered(versions) => {
            let covered = versions
                .iter()
                .map(|version| json!({"version": version.version, "by": version.by}));
            Some(json!({"covered": covered.collect::<Vec<_>>()}))
        }
        Meanwhile::Unread => Some(json!("unread")),
        Meanwhile::Deleted => Some(json!("deleted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiline_app::policies::Proposed;
    use amiline_app::ports::PolicyVersion;
    use amiline_domain::bounds::Bounds;
    use amiline_domain::policy::{EarlierText, Policy, PolicyTexts, compare};
    use amiline_domain::tags::TagKeys;
    use std::collections::BTreeSet;

    const NEW: &str = r#"{"description":"Web tier","create":{"reboot":true},"distribute":{"regions":["us-west-2","sa-east-1"]},"deadline_hours":12}"#;

    fn compared(stored: Option<&str>) -> Compared {
        compared_with(stored, NEW)
    }

    fn compared_with(stored: Option<&str>, new: &str) -> Compared {
        let written = Policy::from_document(&serde_json::from_str(new).unwrap()).unwrap();
        let bounds = Bounds {
            regions: BTreeSet::from(["us-west-2".parse().unwrap()]),
            accounts: BTreeSet::new(),
            organizations: BTreeSet::new(),
            organizational_units: BTreeSet::new(),
            keys: BTreeSet::new(),
            images_per_hour_max: 1,
            interval_minutes_min: 0,
        };
        Compared {
            version: stored.map(|_| 3),
            base: stored.map(|_| Base { version: 3, in_force: true }),
            verdict: compare(&PolicyTexts::newest(stored), &written),
            beyond: written.policy.beyond(&bounds, &TagKeys::new("amiline".parse().unwrap())),
            proposed: Proposed { name: "web".parse().unwrap(), written },
        }
    }

    #[test]
    fn a_difference_reads_field_by_field() {
        let stored = r#"{"encrypt":{"kms_key":"alias/a"},"distribute":{"regions":["us-west-2","eu-west-1"]},"deadline_hours":12}"#;
        let shown = text(
            &[compared(Some(stored)), compared(Some(NEW)), compared(Some("{"))],
            Paint::plain(),
        );
        let expected = "\
web: changes against version 3, which is in force
  + description         Web tier
  ~ create.reboot       false -> true
  - encrypt.kms_key     alias/a
  ~ distribute.regions  +sa-east-1, -eu-west-1
  ! policy copies to sa-east-1, which the stack does not allow; add it to AllowedRegions or take it out of the policy
web: the same as version 3, which is in force
  ! policy copies to sa-east-1, which the stack does not allow; add it to AllowedRegions or take it out of the policy
web: version 3 is not valid: policy is not valid at line 1, column 1: EOF while parsing an object at line 1 column 1; it becomes
  + description         Web tier
  + create.reboot       true
  + distribute.regions  sa-east-1, us-west-2
  + deadline_hours      12
  ! policy copies to sa-east-1, which the stack does not allow; add it to AllowedRegions or take it out of the policy
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_mends_a_policy_reads_against_the_version_in_force() {
        let mends = |in_force: &str| {
            let earlier = vec![EarlierText { version: 2, text: in_force.to_owned() }];
            let texts = PolicyTexts { newest: Some("{".to_owned()), earlier };
            let one = compared(Some(in_force));
            let verdict = compare(&texts, &one.proposed.written);
            let base = Some(Base { version: 2, in_force: true });
            text(&[Compared { base, verdict, beyond: Vec::new(), ..one }], Paint::plain())
        };
        let old = mends(&NEW.replace("\"deadline_hours\":12", "\"deadline_hours\":11"));
        assert!(
            old.starts_with("web: version 3 is not valid: policy is not valid at line 1"),
            "{old}"
        );
        assert!(
            old.contains(
                "; it changes against version 2, which is in force\n  ~ deadline_hours  11 -> 12\n"
            ),
            "{old}"
        );
        let same = mends(NEW);
        assert!(
            same.ends_with("; it becomes the same as version 2, which is in force\n"),
            "{same}"
        );
    }

    #[test]
    fn what_holds_in_one_region_only_and_whom_the_images_are_shared_with_read_as_they_are_meant() {
        let stored = r#"{"encrypt":{"kms_key":"alias/a"},"distribute":{"regions":["us-west-2"],"within_minutes":60}}"#;
        let new = r#"{"encrypt":{"kms_key":"alias/a"},"distribute":{"within_minutes":120,
            "regions":[{"region":"us-west-2","kms_key":"alias/west","within_minutes":15}]},
            "share":{"organizations":["arn:aws:organizations::123456789012:organization/o-123example"]}}"#;
        let expected = "\
web: changes against version 3, which is in force
  ~ distribute.regions         +us-west-2 (kms_key alias/west, within_minutes 15), -us-west-2
  ~ distribute.within_minutes  60 -> 120
  + share.organizations        arn:aws:organizations::123456789012:organization/o-123example
  ! policy shares with arn:aws:organizations::123456789012:organization/o-123example, which the stack does not allow; add it to AllowedOrganizations or take it out of the policy
  ! policy encrypts under alias/a, which the stack may not use; add it to AllowedKeyAliases or take it out of the policy
  ! policy encrypts under alias/west, which the stack may not use; add it to AllowedKeyAliases or take it out of the policy
";
        assert_eq!(text(&[compared_with(Some(stored), new)], Paint::plain()), expected);
    }

    #[test]
    fn tags_and_devices_have_a_line_each_and_are_made_safe() {
        let stored = r#"{"create":{"tags":{"Team":"web","Old":"x"},"carry_tags":["Owner"]}}"#;
        let text = "{\"create\":{\"name\":\"{date}\",\"tags\":{\"Team\":\"a\\nb\",\"\u{202e}\":\"y\"},\
                    \"carry_tags\":[\"Owner\",\"Cost\"],\"delete_on_termination\":{\"/dev/sdb\":false}}}";
        let written = Policy::from_document(&serde_json::from_str(text).unwrap()).unwrap();
        let compared = Compared {
            version: Some(3),
            base: Some(Base { version: 3, in_force: false }),
            verdict: compare(&PolicyTexts::newest(Some(stored)), &written),
            beyond: Vec::new(),
            proposed: Proposed { name: "web".parse().unwrap(), written },
        };
        let expected = "\
web: changes against version 3, which the stack does not allow
  + create.name                            {date}
  - create.tags.Old                        x
  ~ create.tags.Team                       web -> a?b
  + create.tags.?                          y
  ~ create.carry_tags                      +Cost
  + create.delete_on_termination./dev/sdb  false
";
        assert_eq!(super::text(&[compared], Paint::plain()), expected);
    }

    #[test]
    fn what_was_written_comes_with_the_way_back_and_with_what_others_did() {
        let theirs = PolicyVersion {
            version: 4,
            text: "{}".to_owned(),
            at: "2026-11-24T12:00:00Z".parse().unwrap(),
            by: "arn:x".to_owned(),
        };
        let one = |version, meanwhile| Applied { name: "web".parse().unwrap(), version, meanwhile };
        let shown = applied(
            &[one(1, Meanwhile::Nothing), one(5, Meanwhile::Covered(vec![theirs]))],
            Paint::plain(),
        );
        let expected = "\
Wrote web, version 1
Wrote web, version 5; back: amiline policy restore web --version 4
  arn:x wrote version 4 in the same moment; it is covered now, and kept: amiline policy show web --version 4
";
        assert_eq!(shown, expected);
    }
}
