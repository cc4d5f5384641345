//! The template, the events and the functions' settings, held against each other. All of it is read
//! from the files that are deployed, after the SAM transform; nothing is started.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests, outside of test functions"
)]

mod alarms;
mod names;
mod notification;
mod queues;
mod record;
mod regional;
mod roles;
mod rules;
mod settings;

use amiline_app::functions::Function;
use amiline_contracts::stack::Stack;
use serde_json::Value;
use std::sync::LazyLock;

const HOME: &str = "us-east-1";

/// Every parameter that widens what the stack does.
const WIDE: [(&str, &str); 9] = [
    ("DestinationRegions", "us-west-2,eu-west-1"),
    ("SourceRegions", "us-west-2,ap-southeast-3"),
    ("AllowedRegions", "sa-east-1"),
    ("ShareWithAccounts", "222222222222"),
    ("AllowedAccounts", "444444444444"),
    ("AllowedOrganizations", ORGANIZATION),
    ("AllowedOrganizationalUnits", UNIT),
    ("KeyAlias", "alias/amiline"),
    ("AllowedKeyAliases", "alias/europe,alias/asia"),
];

const ORGANIZATION: &str = "arn:aws:organizations::222222222222:organization/o-123example";
const UNIT: &str = "arn:aws:organizations::222222222222:ou/o-123example/ou-ab12-11111111";

/// The functions: logical id of each and of its role, and its name.
static FUNCTIONS: LazyLock<Vec<(String, String, &str)>> = LazyLock::new(|| {
    let of = |function: Function| {
        let name = function.in_template();
        (format!("{name}Function"), format!("{name}Role"), function.name())
    };
    Function::ALL.map(of).into()
});

static TEMPLATE: LazyLock<Value> = LazyLock::new(|| {
    amiline_local::template::transformed().expect("infra/template.yaml can be transformed")
});
static REGIONAL: LazyLock<Value> =
    LazyLock::new(|| amiline_local::template::regional().expect("infra/regional.yaml can be read"));

/// The home stack with nothing but defaults.
fn plain() -> Stack {
    Stack::new(&TEMPLATE, "amiline", HOME, &[])
}

/// The home stack with everything.
fn wide() -> Stack {
    Stack::new(&TEMPLATE, "amiline", HOME, &WIDE)
}

/// Both, for what holds whatever the parameters.
fn both() -> [Stack; 2] {
    [plain(), wide()]
}

/// `regional.yaml` in some Region, with more parameters than the home Region.
fn regional(region: &str, given: &[(&str, &str)]) -> Stack {
    let given: Vec<_> = [("HomeRegion", HOME)].iter().chain(given).copied().collect();
    Stack::new(&REGIONAL, "amiline-regional", region, &given)
}
