//! Names of images: those that we make of what was accepted, and those that EC2 tells us of.

use super::{joined, parts};
use crate::properties::{ascii_line, holds, line};
use crate::target::{Broken, Outcome, Target};
use amiline_domain::description::ImageDescription;
use amiline_domain::fault::owner_of_name;
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, InvalidId, PolicyName};
use amiline_domain::key::ImageKey;
use amiline_domain::name::{ImageName, NameStem, TemplateFacts, TextTemplate};
use amiline_domain::time::Slot;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// Characters of what is said of a template: with its place it has to fit a history item's reason.
const MESSAGE_MAX: usize = 300;

pub(super) const TARGET: Target = Target { name: "name", longest: 3000, seeds, run };

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    let told = "AMI name amiline/x is already in use by AMI ami-0123456789abcdef0";
    Ok(vec![
        joined(&["default", "1795521600", "1", "0", told]),
        joined(&[
            "0123456789012345678901234567890123456789",
            "-377705023201",
            "4294967295",
            "255",
            "AMI name is taken",
        ]),
        joined(&["a.b_c-d", "253402207200", "7", "4", "ami-1a2b3c4d ami-0123456789abcdef0 ami-"]),
        joined(&[
            "web",
            "1795521600",
            "1",
            "0",
            told,
            "{tag:Name}/{policy}-{instance} {slot}.{date}",
            "shop front",
        ]),
        joined(&[
            "web",
            "1795521600",
            "1",
            "2",
            told,
            "{tag:Name}",
            "ami-0123456789abcdef0 {slot}\n",
        ]),
        joined(&["web", "1795521600", "1", "2", told, "web-{day}{", "\u{1f600}"]),
    ])
}

fn run(input: &[u8]) -> Outcome {
    let [policy, second, attempt, rename, message, template, tag] = parts(input);
    let (policy, slot) = (policy_name(&policy)?, slot(&second));
    let key = image_key(&attempt)?;
    let rename = rename.parse().unwrap_or_default();
    ascii_line("a client token", &key.client_token(rename), 64)?;
    let stem = match TextTemplate::new(template.as_str()) {
        Ok(template) => filled(&template, &policy, slot, tag)?,
        Err(bad) => {
            line("what is wrong with a template", &bad.to_string(), MESSAGE_MAX)?;
            None
        }
    };
    let own = stem.is_some();
    let name = match stem {
        Some(stem) => ImageName::of(&stem, &key, rename),
        None => ImageName::new(&policy, &instance()?, slot, &key, rename),
    };
    let text = name.as_str();
    let hash: String = key.as_str().chars().take(8).collect();
    holds("the name of an image ends with what is its own", text.ends_with(&hash), || {
        text.to_owned()
    })?;
    ascii_line("the name of an image", text, 127)?;
    holds("the name of an image has at least 3 characters", text.len() >= 3, || text.to_owned())?;
    holds(
        "the name of an image is of EC2's safe characters",
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/()-".contains(&byte)),
        || text.to_owned(),
    )?;
    let holder = check_holder(&message, text)?;
    let slashes = text.split('/').map(|part| part.len().to_string()).collect::<Vec<_>>().join("/");
    let kind = if own { "of a template".to_owned() } else { slashes };
    Ok(format!("{kind} {}", if holder.is_some() { "held" } else { "free" }))
}

fn invalid(e: InvalidId) -> Broken {
    Broken::new("an id made of valid characters is valid", e.to_string())
}

/// Whatever is accepted: what is not accepted is made so.
fn policy_name(policy: &str) -> Result<PolicyName, Broken> {
    PolicyName::new(policy).or_else(|_| {
        let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let rest: String = policy.chars().filter(allowed).take(39).collect();
        PolicyName::new(format!("p{rest}")).map_err(invalid)
    })
}

fn instance() -> Result<InstanceId, Broken> {
    InstanceId::new("i-0123456789abcdef0").map_err(invalid)
}

/// A slot comes from the clock, or from a record, where it is any number.
fn slot(second: &str) -> Slot {
    match second.parse::<i64>() {
        Ok(second) if second % 2 == 0 => serde_json::from_str(&second.to_string())
            .unwrap_or_else(|_| Slot::next(Timestamp::UNIX_EPOCH, None)),
        Ok(second) => Slot::next(Timestamp::from_second(second).unwrap_or(Timestamp::MIN), None),
        Err(_) => Slot::next(Timestamp::MAX, None),
    }
}

fn image_key(attempt: &str) -> Result<ImageKey, Broken> {
    let family = FamilyId::new("fam-0123456789abcdef").map_err(invalid)?;
    Ok(ImageKey::create(&family, attempt.parse().unwrap_or_default()))
}

/// A template filled in, which the record keeps: so it is read again as it was written.
fn filled(
    template: &TextTemplate,
    policy: &PolicyName,
    slot: Slot,
    tag: String,
) -> Result<Option<NameStem>, Broken> {
    let tags = BTreeMap::from([("Name".to_owned(), tag)]);
    let instance = instance()?;
    let facts = TemplateFacts { policy, instance: &instance, slot, tags: &tags };
    if let Some(description) = template.description(facts) {
        ascii_line("a description", description.as_str(), ImageDescription::CHARACTERS_MAX)?;
        let kept = ImageDescription::try_from(description.as_str().to_owned());
        holds("a description is read again", kept.as_ref() == Ok(&description), || {
            format!("{kept:?}")
        })?;
    }
    let stem = template.stem(facts);
    let kept = stem.as_ref().map(|stem| NameStem::try_from(stem.as_str().to_owned()));
    holds(
        "the first part of a name is read again",
        kept.as_ref().is_none_or(Result::is_ok),
        || format!("{kept:?}"),
    )?;
    Ok(stem)
}

/// The holder is an id that the message has; and EC2's own message tells it, whatever the name
/// looks like.
fn check_holder(message: &str, name: &str) -> Result<Option<ImageId>, Broken> {
    let holder = owner_of_name(message);
    if let Some(id) = &holder {
        holds("the holder of a name is in the message", message.contains(id.as_str()), || {
            message.to_owned()
        })?;
    }
    for taken in [name, message] {
        let told = format!("AMI name {taken} is already in use by AMI ami-0123456789abcdef0");
        let told = owner_of_name(&told);
        holds(
            "EC2's message tells the holder",
            told.as_ref().map(ImageId::as_str) == Some("ami-0123456789abcdef0"),
            || format!("{told:?} of {taken:?}"),
        )?;
    }
    Ok(holder)
}
