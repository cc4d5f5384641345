//! What AWS answers when something goes wrong: codes, messages, and why an image failed.

use super::{joined, parts};
use crate::log_lines::logged;
use crate::stage::{ALIAS, FRIEND, Stage, west};
use crate::target::{Outcome, Target};
use amiline_domain::escape::one_line;
use amiline_domain::fault::classify;
use amiline_fakecloud::{FaultKind, FaultRule};
use std::io;

pub(super) const TARGET: Target = Target { name: "answer", longest: 4000, seeds, run };

/// What goes wrong, by the input's first part.
const CALLS: [(&str, &str); 7] = [
    ("create", "ec2:CreateImage"),
    ("copy", "ec2:CopyImage"),
    ("share", "ec2:ModifyImageAttribute"),
    ("status", "ec2:CreateTags"),
    ("button", "ec2:DeleteTags"),
    ("read", "ec2:DescribeImages"),
    ("tick", "ec2:DescribeTags"),
];

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (what, _) in CALLS {
        seeds.push(joined(&[what, "RequestLimitExceeded", "Request limit exceeded."]));
        seeds.push(joined(&[
            what,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        ]));
        seeds.push(joined(&[
            what,
            "InvalidParameterValue",
            "Value (x) for parameter y is invalid.",
        ]));
    }
    let taken = "AMI name x is already in use by AMI ami-0123456789abcdef0";
    seeds.push(joined(&["create", "InvalidAMIName.Duplicate", taken]));
    seeds.push(joined(&["image", "", "Client.InternalError: Client error on launch"]));
    seeds.push(joined(&["copied", "", "Given key ID is not accessible"]));
    Ok(seeds)
}

fn run(input: &[u8]) -> Outcome {
    let [what, code, message] = parts(input);
    let stage = Stage::new();
    let policy = format!(
        r#"{{"encrypt":{{"kms_key":"{ALIAS}"}},"distribute":{{"regions":["us-west-2"]}},"share":{{"accounts":["{FRIEND}"]}}}}"#
    );
    stage.cloud.put_policy("default", &policy);
    // As amiline_aws::errors makes a call's error of it. Why an image failed it passes on as it is.
    let (code, told) = (one_line(&code, 100), one_line(&message, 500));
    let action = CALLS.into_iter().find(|(name, _)| *name == what).map(|(_, action)| action);
    match (what.as_str(), action) {
        (_, Some(action)) => {
            let refused = FaultKind::Refused(code.clone(), told);
            stage.cloud.inject(FaultRule::new(refused).action(action).times(3));
        }
        ("copied", None) => stage.cloud.fail_next(&west(), &message),
        (_, None) => stage.cloud.fail_next(&stage.home(), &message),
    }
    let (instance, home) = (stage.instance(), stage.home());
    let ((), log) = logged(|| {
        stage.cloud.press(&home, &instance, "default");
        stage.live();
    });
    stage.check(&log)?;
    let fault = classify(Some(&code), Some(400));
    Ok(format!("{} {fault:?}: {}", action.unwrap_or("image"), stage.words()))
}
