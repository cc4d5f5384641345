"""Which KMS key encrypts what (aws-behaviour.md#which-key-a-copy-gets), and the EBS settings of an
account in a Region."""

import hashlib

from . import ministack

MANAGED_ALIAS = "alias/aws/ebs"


def managed(account: str, region: str) -> str:
    """The AWS-managed EBS key. AWS makes one when first needed; here its id follows from account and Region."""
    digest = hashlib.sha256(f"aws/ebs {account} {region}".encode()).hexdigest()
    key_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


def is_managed(arn: str | None, account: str, region: str) -> bool:
    return arn == managed(account, region)


def default(backend) -> str:
    """The key for what is encrypted without a key being named."""
    return backend.default_kms_key_id or managed(backend.account_id, backend.region_name)


def check(backend, name: str | None) -> tuple[str, str | None]:
    """The ARN that a key's name stands for, and why it cannot be used (None if it can). CopyImage and RunInstances
    accept a key they cannot use and fail later
    (aws-behaviour.md#the-key-of-a-copy-is-checked-later)."""
    account, region = backend.account_id, backend.region_name
    if name is None:
        name = default(backend)
    if name in (MANAGED_ALIAS, managed(account, region), f"arn:aws:kms:{region}:{account}:{MANAGED_ALIAS}"):
        return managed(account, region), None
    found = ministack.key(account, region, name)
    if not found["found"]:
        # Like AWS, say nothing that tells a key that is missing from one that may not be used.
        arn = name if name.startswith("arn:") else f"arn:aws:kms:{region}:{account}:{_path(name)}"
        return arn, "Client.InvalidKMSKey.NotFound: Given key ID is not accessible"
    if found["state"] != "Enabled":
        return found["arn"], "Client.InvalidKMSKey.InvalidState: Given key ID is not accessible"
    if found.get("spec", "SYMMETRIC_DEFAULT") not in ("", "SYMMETRIC_DEFAULT"):
        return found["arn"], "Client.InvalidKMSKey: Given key ID is not accessible"
    return found["arn"], None


def _path(name: str) -> str:
    return name if name.startswith("alias/") else f"key/{name}"
