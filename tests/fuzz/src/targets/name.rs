//! Names of images: those that we make of what was accepted, and those that EC2 tells us of.

use super::{joined, parts};
use crate::properties::{ascii_line, holds};
use crate::target::{Broken, Outcome, Target};
use amiline_domain::fault::holder_of_name;
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, InvalidId, PolicyName};
use amiline_domain::key::ImageKey;
use amiline_domain::name::ImageName;
use amiline_domain::time::Slot;
use jiff::Timestamp;
use std::io;

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
    ])
}

fn run(input: &[u8]) -> Outcome {
    let [policy, second, attempt, rename, message] = parts(input);
    let name = image_name(&policy, &second, &attempt, &rename)?;
    let text = name.as_str();
    ascii_line("the name of an image", text, 127)?;
    holds("the name of an image has at least 3 characters", text.len() >= 3, || text.to_owned())?;
    holds(
        "the name of an image is of EC2's safe characters",
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/()-".contains(&byte)),
        || text.to_owned(),
    )?;
    let holder = check_holder(&message, text)?;
    let slashes = text.split('/').map(|part| part.len().to_string()).collect::<Vec<_>>().join("/");
    Ok(format!("{slashes} {}", if holder.is_some() { "held" } else { "free" }))
}

/// The name of whatever is accepted: what is not accepted is made so.
fn image_name(policy: &str, second: &str, attempt: &str, rename: &str) -> Result<ImageName, Broken> {
    let invalid = |e: InvalidId| Broken::new("an id made of valid characters is valid", e.to_string());
    let policy = match PolicyName::new(policy) {
        Ok(policy) => policy,
        Err(_) => {
            let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
            let rest: String = policy.chars().filter(allowed).take(39).collect();
            PolicyName::new(format!("p{rest}")).map_err(invalid)?
        }
    };
    let instance = InstanceId::new("i-0123456789abcdef0").map_err(invalid)?;
    let family = FamilyId::new("fam-0123456789abcdef").map_err(invalid)?;
    // A slot comes from the clock, or from a record, where it is any number.
    let slot = match second.parse::<i64>() {
        Ok(second) if second % 2 == 0 => {
            serde_json::from_str(&second.to_string()).unwrap_or_else(|_| Slot::next(Timestamp::UNIX_EPOCH, None))
        }
        Ok(second) => Slot::next(Timestamp::from_second(second).unwrap_or(Timestamp::MIN), None),
        Err(_) => Slot::next(Timestamp::MAX, None),
    };
    let key = ImageKey::create(&family, attempt.parse().unwrap_or_default());
    let rename = rename.parse().unwrap_or_default();
    let token = key.client_token(rename);
    ascii_line("a client token", &token, 64)?;
    Ok(ImageName::new(&policy, &instance, slot, &key, rename))
}

/// The holder is an id that the message has; and EC2's own message tells it, whatever the name looks like.
fn check_holder(message: &str, name: &str) -> Result<Option<ImageId>, Broken> {
    let holder = holder_of_name(message);
    if let Some(id) = &holder {
        holds("the holder of a name is in the message", message.contains(id.as_str()), || message.to_owned())?;
    }
    for taken in [name, message] {
        let told = format!("AMI name {taken} is already in use by AMI ami-0123456789abcdef0");
        let told = holder_of_name(&told);
        holds(
            "EC2's message tells the holder",
            told.as_ref().map(ImageId::as_str) == Some("ami-0123456789abcdef0"),
            || format!("{told:?} of {taken:?}"),
        )?;
    }
    Ok(holder)
}
