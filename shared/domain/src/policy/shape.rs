//! The fields that a policy may have: the one description that documents are checked against and
//! the schema is made of. A test holds it against [`Policy`](super::Policy), whose fields it
//! repeats in words.

use super::destinations::{MINUTES_MAX, MINUTES_MIN, MINUTES_STEP};
use super::{
    DEADLINE_HOURS_DEFAULT, DEADLINE_HOURS_MAX, DESTINATIONS_MAX, DEVICES_MAX, IMAGES_PER_DAY_MAX,
    INTERVAL_MINUTES_MAX,
};
use crate::ids::{
    AccountId, DeviceName, InvalidId, KeyAlias, OrganizationArn, OrganizationalUnitArn, Region,
};
use crate::schedule::{CRONS_MAX, CronExpression, JITTER_MINUTES_MAX, ZoneName};
use crate::tags::{EXTRA_TAGS_MAX, TagKey, TagValue};

/// A field of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// For people, in the schema.
    pub(crate) about: &'static str,
    pub(crate) value: Shape,
    /// Whether its object is not valid without it.
    pub(crate) required: bool,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text, without two opening braces in a row, which Parameter Store refuses.
    Text,
    /// A template for names. Null stands for its not being there.
    Template,
    /// `true` or `false`.
    Flag { default: Option<bool> },
    /// A whole number within limits.
    Whole { min: u32, max: u32, default: Option<u32> },
    /// A whole number within limits that is a multiple of `step`.
    Steps { min: u32, max: u32, step: u32 },
    /// An identifier.
    Id(Id),
    /// A list of identifiers, of which so many may be different.
    Ids { of: Id, max: Option<usize> },
    /// A list of Regions of which so many may be different, each as its name or, with what holds
    /// there only, as fields.
    Regions { fields: &'static [Field], max: usize },
    /// A value for each of some identifiers, of which there may be so many.
    Map { of: Id, value: &'static Shape, max: usize },
    /// Fields. If `or_nothing`, null stands for the object not being there.
    Object { fields: &'static [Field], or_nothing: bool },
}

/// Identifiers that policies name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Id {
    Region,
    Account,
    Organization,
    OrganizationalUnit,
    Key,
    Cron,
    Zone,
    TagKey,
    TagValue,
    Device,
}

impl Id {
    /// Whether the text is one.
    pub(crate) fn check(self, text: &str) -> Result<(), InvalidId> {
        match self {
            Id::Region => Region::new(text).map(drop),
            Id::Account => AccountId::new(text).map(drop),
            Id::Organization => OrganizationArn::new(text).map(drop),
            Id::OrganizationalUnit => OrganizationalUnitArn::new(text).map(drop),
            Id::Key => KeyAlias::new(text).map(drop),
            Id::Cron => CronExpression::new(text).map(drop),
            Id::Zone => ZoneName::new(text).map(drop),
            Id::TagKey => TagKey::new(text).map(drop),
            Id::TagValue => TagValue::new(text).map(drop),
            Id::Device => DeviceName::new(text).map(drop),
        }
    }

    /// What it is called, with an example.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Id::Region => "a Region's name, such as \"us-west-2\"",
            Id::Account => "an account id in quotes, such as \"222222222222\"",
            Id::Organization => {
                "an organization's ARN, such as \"arn:aws:organizations::222222222222:organization/o-123example\""
            }
            Id::OrganizationalUnit => {
                "an organizational unit's ARN, such as \"arn:aws:organizations::222222222222:ou/o-123example/ou-ab12-11111111\""
            }
            Id::Key => "a key's alias, such as \"alias/amiline\"",
            Id::Cron => "a cron expression of five fields, such as \"30 2 * * 1-5\"",
            Id::Zone => "a time zone's name, such as \"Europe/Berlin\"",
            Id::TagKey => "a tag's key, such as \"CostCenter\"",
            Id::TagValue => "a tag's value in quotes, such as \"1234\"",
            Id::Device => "a device's name as EC2 shows it, such as \"/dev/sdf\"",
        }
    }

    /// The same rule for the schema.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            Id::Region => "^(?=.{6,25}$)[a-z0-9]+(-[a-z0-9]+)+-[a-z0-9]*[0-9]$",
            Id::Account => "^[0-9]{12}$",
            Id::Organization => {
                "^arn:aws(-[a-z]+)*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}$"
            }
            Id::OrganizationalUnit => {
                "^arn:aws(-[a-z]+)*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}$"
            }
            Id::Key => "^alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}$",
            // Wider than what is accepted: an editor shows the form, the check tells the rest.
            Id::Cron => "^(@[a-z]+|\\S+( +\\S+){4})$",
            Id::Zone => "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
            Id::TagKey => "^(?![aA][wW][sS]:)[^\\u0000-\\u0008]{1,128}$",
            Id::TagValue => "^[^\\u0000-\\u0008]{0,256}$",
            Id::Device => "^[a-zA-Z/][a-zA-Z0-9/_-]{0,31}$",
        }
    }

    /// A value that is one.
    pub(crate) fn shape(self) -> &'static Shape {
        match self {
            Id::Region => &Shape::Id(Id::Region),
            Id::Account => &Shape::Id(Id::Account),
            Id::Organization => &Shape::Id(Id::Organization),
            Id::OrganizationalUnit => &Shape::Id(Id::OrganizationalUnit),
            Id::Key => &Shape::Id(Id::Key),
            Id::Cron => &Shape::Id(Id::Cron),
            Id::Zone => &Shape::Id(Id::Zone),
            Id::TagKey => &Shape::Id(Id::TagKey),
            Id::TagValue => &Shape::Id(Id::TagValue),
            Id::Device => &Shape::Id(Id::Device),
        }
    }
}

const WITHIN_MINUTES: Shape =
    Shape::Steps { min: MINUTES_MIN, max: MINUTES_MAX, step: MINUTES_STEP };

/// The fields of a destination Region that has settings of its own.
const DESTINATION: &[Field] = &[
    Field { name: "region", about: "The Region.", value: Shape::Id(Id::Region), required: true },
    Field {
        name: "kms_key",
        about: "Alias of the customer-managed KMS key for the images in this Region, instead of encrypt.kms_key: the stack's \
                KeyAlias or one of its AllowedKeyAliases.",
        value: Shape::Id(Id::Key),
        required: false,
    },
    Field {
        name: "within_minutes",
        about: "The time within which EC2 completes the copy to this Region, instead of distribute.within_minutes.",
        value: WITHIN_MINUTES,
        required: false,
    },
];

/// How the image is made.
const CREATE: &[Field] = &[
    Field {
        name: "reboot",
        about: "false takes the image of the running instance, which is crash-consistent: as after a power cut. true lets \
                EC2 reboot the instance for a consistent file system.",
        value: Shape::Flag { default: Some(false) },
        required: false,
    },
    Field {
        name: "name",
        about: "The first part of the names of the images: text, {policy}, {instance}, {slot} (when the button was pressed, \
                or the schedule's slot, in UTC), {date} (its day), and {tag:KEY} (what the instance's tag says; nothing without the tag). A part \
                that makes every name unique follows it. What EC2 allows in no name becomes a hyphen. Whoever may tag the \
                instance chooses what a tag says, so trust no image for its name.",
        value: Shape::Template,
        required: false,
    },
    Field {
        name: "description",
        about: "What EC2 shows as the description of the images: text with the placeholders of create.name, of which 255 \
                characters are kept. EC2 takes ASCII only: anything else becomes a question mark. Without the field it says \
                of which instance, under which policy and when.",
        value: Shape::Template,
        required: false,
    },
    Field {
        name: "tags",
        about: "Tags for the images and their snapshots, besides those that Amiline gives them. With carry_tags at most 40.",
        value: Shape::Map { of: Id::TagKey, value: &Shape::Id(Id::TagValue), max: EXTRA_TAGS_MAX },
        required: false,
    },
    Field {
        name: "carry_tags",
        about: "Keys of tags that the images and their snapshots get as the instance has them when the image is asked for. \
                Whoever may tag the instance chooses their values. One that it lacks is left out.",
        value: Shape::Ids { of: Id::TagKey, max: Some(EXTRA_TAGS_MAX) },
        required: false,
    },
    Field {
        name: "exclude_devices",
        about: "Devices that are left out of the image with their data, by the names under which EC2 shows them. A device \
                that an instance lacks is no error; an instance of which it is the root device is rejected.",
        value: Shape::Ids { of: Id::Device, max: Some(DEVICES_MAX) },
        required: false,
    },
    Field {
        name: "delete_on_termination",
        about: "For instances that are launched from the image: true deletes the device's volume with them, false keeps it. \
                Devices that are not named stay as the instance has them; one that the instance lacks is no error.",
        value: Shape::Map {
            of: Id::Device,
            value: &Shape::Flag { default: None },
            max: DEVICES_MAX,
        },
        required: false,
    },
];

/// A policy's fields.
pub(crate) const POLICY: &[Field] = &[
    Field {
        name: "description",
        about: "For people: what the policy is for.",
        value: Shape::Text,
        required: false,
    },
    Field {
        name: "schedule",
        about: "When instances are imaged whose tag PREFIX:schedule names this policy. Without it, only a press makes an image.",
        value: Shape::Object {
            fields: &[
                Field {
                    name: "cron",
                    about: "Cron expressions: minute, hour, day of month, month, day of week. Each time at which any of them \
                            happens is a slot. A time that the clock skips is a slot when the clock has moved; one that it \
                            shows twice is a slot the first time. Two slots are at least 15 minutes apart.",
                    value: Shape::Ids { of: Id::Cron, max: Some(CRONS_MAX) },
                    required: true,
                },
                Field {
                    name: "time_zone",
                    about: "Where the wall clock hangs: a name of the IANA database. UTC if it is not given.",
                    value: Shape::Id(Id::Zone),
                    required: false,
                },
                Field {
                    name: "jitter_minutes",
                    about: "Instances are spread over so many minutes after the slot; each keeps its place. Shorter than \
                            the time between two slots.",
                    value: Shape::Whole { min: 0, max: JITTER_MINUTES_MAX, default: Some(0) },
                    required: false,
                },
            ],
            or_nothing: true,
        },
        required: false,
    },
    Field {
        name: "create",
        about: "How the image is made from the instance.",
        value: Shape::Object { fields: CREATE, or_nothing: false },
        required: false,
    },
    Field {
        name: "encrypt",
        about: "The key that every image ends up under. Without it, images keep the encryption that the instance has, and \
                encrypted copies are under their Region's default key for EBS, whose alias the stack must allow.",
        value: Shape::Object {
            fields: &[Field {
                name: "kms_key",
                about: "Alias of a customer-managed KMS key: the stack's KeyAlias or one of its AllowedKeyAliases. It exists \
                        in the instance's Region and in every destination that names no key of its own. Images under a key of AWS (alias/aws/...) cannot be shared.",
                value: Shape::Id(Id::Key),
                required: true,
            }],
            or_nothing: true,
        },
        required: false,
    },
    Field {
        name: "distribute",
        about: "Where copies go.",
        value: Shape::Object {
            fields: &[
                Field {
                    name: "regions",
                    about: "Destination Regions, each among those that the stack allows: a Region's name or, if it has settings \
                            of its own, an object. The instance's own Region may be named; it gets no second image for that, \
                            and its settings hold for its encrypted copy, if it needs one.",
                    value: Shape::Regions { fields: DESTINATION, max: DESTINATIONS_MAX },
                    required: false,
                },
                Field {
                    name: "within_minutes",
                    about: "The time within which EC2 completes each copy to these Regions, 15 minutes to 48 hours in steps of \
                            15 minutes. EC2 charges for it by the GiB, more for less time. Without it, copies are free of that \
                            charge and take as long as they take. Shorter than the deadline.",
                    value: WITHIN_MINUTES,
                    required: false,
                },
            ],
            or_nothing: false,
        },
        required: false,
    },
    Field {
        name: "share",
        about: "Who may launch the images.",
        value: Shape::Object {
            fields: &[
                Field {
                    name: "accounts",
                    about: "Accounts that may launch every image, each among those that the stack allows. They also need the \
                            use of the key. Write them in quotes. Needs encrypt.kms_key.",
                    value: Shape::Ids { of: Id::Account, max: None },
                    required: false,
                },
                Field {
                    name: "organizations",
                    about: "ARNs of organizations whose accounts may launch every image, each among those that the stack \
                            allows. The keys' policies must allow the organization too. Needs encrypt.kms_key.",
                    value: Shape::Ids { of: Id::Organization, max: None },
                    required: false,
                },
                Field {
                    name: "organizational_units",
                    about: "ARNs of organizational units: the accounts in them and in the units below them may launch every \
                            image. Each is among those that the stack allows, itself and not only its organization. The keys' \
                            policies must allow it too. Needs encrypt.kms_key.",
                    value: Shape::Ids { of: Id::OrganizationalUnit, max: None },
                    required: false,
                },
            ],
            or_nothing: false,
        },
        required: false,
    },
    Field {
        name: "limits",
        about: "How much may be made under this policy. The stack's own limits hold besides.",
        value: Shape::Object {
            fields: &[
                Field {
                    name: "interval_minutes",
                    about: "Minutes between two images of one instance, whatever asked for the one before. A press that comes \
                            sooner is rejected, a slot waits. At least 15 minutes less than the time between two slots.",
                    value: Shape::Whole { min: 1, max: INTERVAL_MINUTES_MAX, default: None },
                    required: false,
                },
                Field {
                    name: "images_per_day",
                    about: "Images under this policy in one day in UTC, of all instances together. A press beyond it is \
                            rejected, a slot waits for the next day.",
                    value: Shape::Whole { min: 1, max: IMAGES_PER_DAY_MAX, default: None },
                    required: false,
                },
            ],
            or_nothing: false,
        },
        required: false,
    },
    Field {
        name: "deadline_hours",
        about: "Hours until an image that is not available is given up, and you are told.",
        value: Shape::Whole {
            min: 1,
            max: DEADLINE_HOURS_MAX,
            default: Some(DEADLINE_HOURS_DEFAULT),
        },
        required: false,
    },
];

/// Every field that holds a value and not fields, with the way to it, in the order of the
/// description.
pub(crate) fn leaves() -> Vec<Vec<&'static str>> {
    fn collect(fields: &'static [Field], above: &[&'static str], out: &mut Vec<Vec<&'static str>>) {
        for field in fields {
            let way: Vec<&'static str> = above.iter().copied().chain([field.name]).collect();
            match &field.value {
                Shape::Object { fields, .. } => collect(fields, &way, out),
                Shape::Text
                | Shape::Template
                | Shape::Flag { .. }
                | Shape::Whole { .. }
                | Shape::Steps { .. }
                | Shape::Id(_)
                | Shape::Ids { .. }
                | Shape::Regions { .. }
                | Shape::Map { .. } => out.push(way),
            }
        }
    }
    let mut out = Vec::new();
    collect(POLICY, &[], &mut out);
    out
}
