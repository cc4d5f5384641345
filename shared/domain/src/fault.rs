//! What an AWS error means for us: try later, refuse, call a person, or find out what happened.

use serde::{Deserialize, Serialize};

/// The kinds of failure, told apart because each is handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Definitely had no effect; the same call may succeed later.
    Later,
    /// Definitely had no effect, and will not succeed: the request itself is wrong.
    Reject,
    /// Definitely had no effect, and will not succeed until somebody changes something.
    NeedsPerson,
    /// Nobody knows whether it had an effect: a timeout, a 5xx, a lost reply.
    Unknown,
}

/// Codes with which a service says that it did not even look at the request because there were too
/// many.
const THROTTLED: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "BandwidthLimitExceeded",
];

/// Other codes with which EC2, KMS, DynamoDB, SNS, SQS, SSM or EventBridge refuse a call that may
/// pass later (aws-behaviour.md#codes-that-mean-later).
const LATER: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "ConcurrentCreateImageNoRebootLimitExceeded",
    "ConcurrentSnapshotLimitExceeded",
    "SnapshotCreationPerVolumeRateExceeded",
    "PendingSnapshotLimitExceeded",
    "ResourceLimitExceeded",
    "IncorrectState",
    "IncorrectInstanceState",
    "InvalidState",
    "InvalidInstanceState",
    "ConcurrentTagAccess",
    "InvalidAMIID.Unavailable",
    "InvalidAMIID.NotFound",
    "TransactionInProgressException",
    "TransactionConflictException",
    "LimitExceededException",
    "KmsThrottled",
    "KMSThrottlingException",
];

/// Codes that say the request is wrong for good.
const REJECT: &[&str] = &[
    "NonEBSInstance",
    "InvalidInstanceID.NotFound",
    "InvalidInstanceID.Malformed",
    "InvalidInstanceID",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "InvalidParameter",
    "MissingParameter",
    "InvalidAMIName.Malformed",
    "InvalidAMIAttributeItemValue",
    "InvalidAMIName.Duplicate",
    "InvalidAMIID.Malformed",
    "InvalidBlockDeviceMapping",
    "UnsupportedOperation",
    "UnsupportedOperationException",
    "OperationNotPermitted",
    "TagLimitExceeded",
    "InvalidTagKey.Malformed",
    "IdempotentParameterMismatch",
    "InvalidClientToken",
    "InvalidRegion",
    "SnapshotCopyUnsupported.InterRegion",
    "ValidationException",
    "ValidationError",
    "InvalidRequest",
    "NotFoundException",
    "ParameterNotFound",
    "DryRunOperation",
    "InvalidArgument",
    "MalformedDetail",
];

/// Codes that somebody has to act on: rights, keys, quotas, Regions that are not enabled.
const NEEDS_PERSON: &[&str] = &[
    "UnauthorizedOperation",
    "AuthFailure",
    "AccessDenied",
    "AccessDeniedException",
    "Blocked",
    "OptInRequired",
    "PendingVerification",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredToken",
    "ExpiredTokenException",
    "SignatureDoesNotMatch",
    "CustomerKeyHasBeenRevoked",
    "DisabledException",
    "KMSDisabledException",
    "KMSAccessDeniedException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSInvalidStateException.PendingDeletion",
    "InvalidKMSKey.InvalidState",
    "SnapshotLimitExceeded",
    "ResourceCountExceeded",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "EndpointDisabled",
    "NotAuthorizedForSourceException",
    "NotAuthorizedForDetailTypeException",
    "InvalidAccountIdException",
    "RedactionFailure",
];

/// Sorts an AWS error by its code, or by its HTTP status where the code is not known. `status` is
/// `None` when no answer arrived. A code we do not know with a 4xx needs a person: acting again on
/// a guess could repeat an effect.
pub fn classify(code: Option<&str>, status: Option<u16>) -> Fault {
    let listed = |list: &[&str]| code.is_some_and(|code| list.contains(&code));
    // EC2 sends throttling with status 503, so codes are looked at before the status.
    if listed(THROTTLED) || listed(LATER) {
        Fault::Later
    } else if listed(REJECT) {
        Fault::Reject
    } else if listed(NEEDS_PERSON) {
        Fault::NeedsPerson
    } else {
        match status {
            Some(429) => Fault::Later,
            Some(400..=499) => Fault::NeedsPerson,
            _ => Fault::Unknown,
        }
    }
}

/// Whether a code says that the rate was too high, and nothing else.
pub fn is_throttling(code: &str) -> bool {
    THROTTLED.contains(&code)
}

/// The image that already holds a name, from `InvalidAMIName.Duplicate`'s message ("AMI name N is
/// already in use by AMI ami-…"). The last id in it, since a name may look like an id.
pub fn owner_of_name(message: &str) -> Option<crate::ids::ImageId> {
    message
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .rev()
        .find_map(|word| crate::ids::ImageId::new(word).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_one_list_only() {
        let mut all: Vec<&str> = [THROTTLED, LATER, REJECT, NEEDS_PERSON].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn errors_are_told_apart() {
        let table = [
            (Some("RequestLimitExceeded"), Some(503), Fault::Later),
            (Some("ResourceLimitExceeded"), Some(400), Fault::Later),
            (Some("SnapshotCreationPerVolumeRateExceeded"), Some(400), Fault::Later),
            (Some("NonEBSInstance"), Some(400), Fault::Reject),
            (Some("UnauthorizedOperation"), Some(403), Fault::NeedsPerson),
            (Some("CustomerKeyHasBeenRevoked"), Some(400), Fault::NeedsPerson),
            (Some("InternalError"), Some(500), Fault::Unknown),
            (Some("Unavailable"), Some(503), Fault::Unknown),
            (None, None, Fault::Unknown),
            (Some("SomethingNew"), Some(400), Fault::NeedsPerson),
        ];
        for (code, status, expected) in table {
            assert_eq!(classify(code, status), expected, "{code:?} {status:?}");
        }
    }

    #[test]
    fn the_holder_of_a_name_is_read_from_the_message() {
        let id = owner_of_name(
            "AMI name amiline/x/i-0123456789abcdef0/1 is already in use by AMI ami-0123456789abcdef0",
        );
        assert_eq!(id.unwrap().as_str(), "ami-0123456789abcdef0");
        assert_eq!(owner_of_name("AMI name is taken"), None);
    }
}
