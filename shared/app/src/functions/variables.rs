//! The environment variables that the template sets.

/// The account.
pub const ACCOUNT: &str = "AMILINE_ACCOUNT";
/// Accounts that images may be shared with.
pub const ALLOWED_ACCOUNTS: &str = "AMILINE_ALLOWED_ACCOUNTS";
/// Aliases of keys that images may be encrypted under.
pub const ALLOWED_KEYS: &str = "AMILINE_ALLOWED_KEYS";
/// Organizational units that images may be shared with.
pub const ALLOWED_ORGANIZATIONAL_UNITS: &str = "AMILINE_ALLOWED_ORGANIZATIONAL_UNITS";
/// Organizations that images may be shared with.
pub const ALLOWED_ORGANIZATIONS: &str = "AMILINE_ALLOWED_ORGANIZATIONS";
/// Regions that images may be copied to.
pub const ALLOWED_REGIONS: &str = "AMILINE_ALLOWED_REGIONS";
/// The ARN of the topic for what needs a person.
pub const ATTENTION_TOPIC: &str = "AMILINE_ATTENTION_TOPIC";
/// The ARN of the bus for programs.
pub const BUS: &str = "AMILINE_BUS";
/// The URL of `create-image`'s queue.
pub const CREATE_QUEUE: &str = "AMILINE_CREATE_QUEUE";
/// The ARN of the topic for a chat channel.
pub const CHAT_TOPIC: &str = "AMILINE_CHAT_TOPIC";
/// The ARN of the topic for digests.
pub const DIGEST_TOPIC: &str = "AMILINE_DIGEST_TOPIC";
/// The URL of `distribute-image`'s queue.
pub const DISTRIBUTE_QUEUE: &str = "AMILINE_DISTRIBUTE_QUEUE";
/// The name of the kill switch's parameter.
pub const KILL_SWITCH: &str = "AMILINE_KILL_SWITCH";
/// How much is logged.
pub const LOG: &str = "AMILINE_LOG";
/// Images that may be asked for in an hour.
pub const MAX_IMAGES_PER_HOUR: &str = "AMILINE_MAX_IMAGES_PER_HOUR";
/// Minutes between two images of one instance, at least.
pub const MINIMUM_INTERVAL_MINUTES: &str = "AMILINE_MINIMUM_INTERVAL_MINUTES";
/// The URL of `notify`'s queue.
pub const NOTIFY_QUEUE: &str = "AMILINE_NOTIFY_QUEUE";
/// The path under which Parameter Store has the policies.
pub const POLICY_PATH: &str = "AMILINE_POLICY_PATH";
/// Regions whose instances are watched.
pub const SOURCE_REGIONS: &str = "AMILINE_SOURCE_REGIONS";
/// The stack's name.
pub const STACK: &str = "AMILINE_STACK";
/// The table's name.
pub const TABLE: &str = "AMILINE_TABLE";
/// What the tag keys begin with.
pub const TAG_PREFIX: &str = "AMILINE_TAG_PREFIX";
/// The ARN of the topic for everything.
pub const TOPIC: &str = "AMILINE_TOPIC";
