//! Request rates and Regions that do not answer.

use crate::refusal::Refusal;
use jiff::Timestamp;

/// In what way a Region does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dark {
    /// Every call is answered with 503 `Unavailable`; none has an effect.
    Unavailable,
    /// Every call is refused: the account has not enabled the Region.
    NotOptedIn,
}

impl Dark {
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Dark::Unavailable => Refusal::with_status(
                "Unavailable",
                "The server is overloaded and can't handle the request.",
                503,
            ),
            Dark::NotOptedIn => {
                Refusal::with_status("OptInRequired", "You are not subscribed to this Region.", 403)
            }
        }
    }
}

/// A token bucket of one action in one Region (aws-behaviour.md#ec2-request-rates).
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    size: i64,
    per_second: i64,
    left: i64,
    filled_at: Timestamp,
}

impl Bucket {
    pub(crate) fn new(size: u32, per_second: u32, now: Timestamp) -> Self {
        Self { size: size.into(), per_second: per_second.into(), left: size.into(), filled_at: now }
    }

    /// Takes one token, or refuses with `RequestLimitExceeded`.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let seconds = now.as_second() - self.filled_at.as_second();
        if seconds > 0 {
            self.left = (self.left + seconds * self.per_second).min(self.size);
            self.filled_at = now;
        }
        if self.left < 1 {
            return Err(Refusal::with_status(
                "RequestLimitExceeded",
                "Request limit exceeded.",
                503,
            ));
        }
        self.left -= 1;
        Ok(())
    }
}

/// Buckets as documented (aws-behaviour.md#ec2-request-rates): action, size, tokens a second.
pub(crate) const DOCUMENTED: &[(&str, u32, u32)] = &[
    ("ec2:DescribeImages", 100, 20),
    ("ec2:DescribeImageAttribute", 100, 20),
    ("ec2:DescribeInstances", 100, 20),
    ("ec2:DescribeSnapshots", 100, 20),
    ("ec2:DescribeTags", 100, 20),
    ("ec2:CreateImage", 50, 5),
    ("ec2:CopyImage", 100, 1),
    ("ec2:ModifyImageAttribute", 100, 5),
    ("ec2:CreateTags", 100, 10),
    ("ec2:DeleteTags", 100, 10),
];
