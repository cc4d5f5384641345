//! The texts that identifiers may be, as regular expressions: the templates' parameters have the
//! same ones, so that CloudFormation and the functions take the same values. The functions
//! themselves need no engine for them. `tests/contracts` holds templates, patterns and code against
//! each other.

/// A Region of any partition: `us-east-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`.
pub const REGION: &str = "[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}";

/// A tag prefix. Parameter Store refuses names that begin with `aws` or `ssm`.
pub const TAG_PREFIX: &str = "(?!aws|ssm)[a-z][a-z0-9-]{0,30}";

/// The alias of a customer-managed key.
pub const KEY_ALIAS: &str = "alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}";

/// An account.
pub const ACCOUNT: &str = "[0-9]{12}";

/// Whether a text is a [`REGION`].
pub(super) fn is_region(text: &str) -> bool {
    let lower = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let Some((first, middle)) = words.split_once('-') else { return false };
    (2..=4).contains(&first.len())
        && lower(first)
        && (1..=3).contains(&middle.split('-').count())
        && middle.split('-').all(lower)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is a [`TAG_PREFIX`].
pub(super) fn is_tag_prefix(text: &str) -> bool {
    text.len() <= 31
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !["aws", "ssm"].iter().any(|reserved| text.starts_with(reserved))
}
