"""What IAM is asked about a call: every action on every resource, with the condition keys EC2 gives IAM for each.

Which key goes with which resource follows the Service Authorization Reference. Keys that are not given here are absent,
and statements that need them do not match.
"""

from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from . import model

# What an action makes. It has no id yet, and its tags are those that the call gives to its own kind.
_MAKES = {
    "CreateImage": ("image", "snapshot"),
    "CopyImage": ("image", "snapshot"),
    "RegisterImage": ("image",),
    "CreateSnapshot": ("snapshot",),
    "CopySnapshot": ("snapshot",),
    "CreateVolume": ("volume",),
    "RunInstances": ("instance", "volume"),
}
_NAMES = ("ImageId", "InstanceId", "SnapshotId", "VolumeId", "InstanceIds", "Resources")
# Image and snapshot ARNs name no account.
_WITHOUT_ACCOUNT = ("image", "snapshot")


def checks(call) -> list[dict]:
    """[{"action", "resource", "context"}]. The call is allowed if each of them is."""
    asked = [_check(call, call.action, arn, keys) for arn, keys in [*_named(call), *_made(call)]]
    if not asked:
        asked = [_check(call, call.action, "*", {})]
    # Tags given while something is made need CreateTags too, which hears on whose behalf.
    for kind, tags in _given(call).items():
        keys = {**_new(call, kind), **_request_tags(tags), "ec2:CreateAction": call.action}
        asked.append(_check(call, "CreateTags", _arn(call, kind, "*"), keys))
    return asked


def _check(call, action: str, resource: str, keys: dict) -> dict:
    # aws:RequestedRegion is that of the request as a whole: ministack adds it.
    return {"action": f"ec2:{action}", "resource": resource, "context": {**keys, "ec2:Region": call.region}}


def _named(call) -> list[tuple[str, dict]]:
    """What exists already and is named by the call."""
    if call.action.startswith("Describe") and not call.action.endswith("Attribute"):
        return []  # these know no resources
    if call.action == "CopyImage":
        # Its source is not being tagged, and the reference lists no aws:ResourceTag for it: its owner is all there is.
        # The source's snapshots are asked for too, as AmazonRDSCustomServiceRolePolicy has it for CopySnapshot, which
        # sets `snapshot/snap-*` apart from what is made. For a snapshot the reference lists tags of the request only.
        region, image_id = call.params.get("SourceRegion") or call.region, call.params.get("SourceImageId") or "*"
        image = model.BY_REGION.get(region, {}).get(image_id)
        snapshots = [device.snapshot_id for device in image.devices if device.snapshot_id] if image else []
        return [
            (_arn(call, "image", image_id, region), _owner(call, "image", image_id, region)),
            *((_arn(call, "snapshot", snapshot, region), {}) for snapshot in snapshots),
        ]
    of_request = {}
    if call.action in ("CreateTags", "DeleteTags"):
        # A tag to set that has no value has an empty one; a tag to delete may have none.
        unset = "" if call.action == "CreateTags" else None
        of_request = _request_tags({tag.get("Key"): tag.get("Value", unset) for tag in call.params.get("Tags") or []})
    found = []
    for name in _NAMES:
        value = call.params.get(name) or []
        for one in value if isinstance(value, list) else [value]:
            kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(one))
            # What is not recognized must not slip through among others that are.
            resource = _arn(call, kind, one) if kind else "*"
            found.append((resource, {**of_request, **_existing(call, kind, one)}))
    return found


def _made(call) -> list[tuple[str, dict]]:
    given = _given(call)
    return [
        (_arn(call, kind, "*"), {**_new(call, kind), **_request_tags(given.get(kind, {}))})
        for kind in _MAKES.get(call.action, ())
    ]


def _given(call) -> dict[str, dict]:
    """Tags by kind of resource, of the kinds that get any."""
    found: dict[str, dict] = {}
    for specification in call.params.get("TagSpecifications") or []:
        tags = {tag.get("Key"): tag.get("Value", "") for tag in specification.get("Tags") or []}
        if tags and specification.get("ResourceType"):
            found.setdefault(specification["ResourceType"], {}).update(tags)
    return found


def _new(call, kind: str) -> dict:
    return {"ec2:Owner": call.current_account} if kind == "image" else {}


def _existing(call, kind: str | None, resource_id: str) -> dict:
    """Of an image that another account shares, the tags are not seen; of what does not exist, nothing is."""
    tags = call.ec2_backend.tags.get(resource_id, {})
    return {
        **_owner(call, kind, resource_id, call.region),
        **_tag_keys("aws:ResourceTag", tags),
        **_tag_keys("ec2:ResourceTag", tags),
    }


def _owner(call, kind: str | None, resource_id: str, region: str) -> dict:
    if kind == "image":
        image = model.BY_REGION.get(region, {}).get(resource_id)
        return {"ec2:Owner": image.owner_id} if image else {}
    if kind == "snapshot" and resource_id in call.ec2_backend.snapshots:
        return {"ec2:Owner": call.current_account}
    return {}


def _request_tags(tags: dict) -> dict:
    """A key without a value is no tag of the request, but one of its keys. No keys at all leave aws:TagKeys out:
    `Null` must see that."""
    if not tags:
        return {}
    valued = {key: value for key, value in tags.items() if value is not None}
    return {"aws:TagKeys": list(tags), **_tag_keys("aws:RequestTag", valued)}


def _tag_keys(prefix: str, tags: dict) -> dict:
    """Condition keys know no case: tags that differ only in case are one condition key with several values."""
    found: dict[str, list] = {}
    for key, value in tags.items():
        found.setdefault(f"{prefix}/{key}".lower(), []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _arn(call, kind: str, resource_id: str, region: str | None = None) -> str:
    account = "" if kind in _WITHOUT_ACCOUNT else call.current_account
    return f"arn:aws:ec2:{region or call.region}:{account}:{kind}/{resource_id}"
