"""CreateTags, DeleteTags, DescribeTags, and tags given while something is created."""

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from . import events, paging
from .errors import error, invalid, missing


def check(tags: dict[str, str], present: dict[str, str] | None = None) -> None:
    """50 tags, keys of 128 and values of 256 characters, `aws:` reserved
    (aws-behaviour.md#limits-of-tags)."""
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
        if not key or len(key) > 128:
            raise error("InvalidTagKey.Malformed", "Tag key exceeds the maximum length of 128 characters")
        # Answers are XML, which cannot hold these; what EC2 does with them is not documented.
        if any(ord(character) < 32 and character not in "\t\n\r" for character in key + value):
            raise invalid("Tag keys and values must not contain control characters")
        if len(value) > 256:
            raise invalid(f"Tag value exceeds the maximum length of 256 characters for key {key}")
    if len([key for key in {**(present or {}), **tags} if not key.startswith("aws:")]) > 50:
        raise error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")


def given(specifications: list[dict] | None, allowed: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Tags by resource type from TagSpecifications. Checked before anything is made: if tagging fails, so does the
    creation (aws-behaviour.md#tags-in-the-creating-call)."""
    found: dict[str, dict[str, str]] = {}
    for specification in specifications or []:
        kind = specification.get("ResourceType")
        if kind not in allowed:
            raise invalid(f"'{kind}' is not a valid taggable resource type for this operation.")
        tags = {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", [])}
        check(tags)
        found.setdefault(kind, {}).update(tags)
    return found


def put(backend, resource_id: str, tags: dict[str, str], creating: bool = False) -> None:
    """Sets tags and sends the event, if anything changed."""
    if not tags:
        return
    present = backend.tags[resource_id]
    changed = [key for key, value in tags.items() if present.get(key) != value]
    present.update(tags)
    events.tags_changed(backend, resource_id, changed, creating)


def remove(backend, resource_id: str, tags: dict[str, str | None] | None) -> None:
    """Key and value: deletes on a match only; key alone: deletes it; neither: deletes all that are a user's."""
    present = backend.tags.get(resource_id)
    if not present:
        return
    if tags is None:
        tags = {key: None for key in present if not key.startswith("aws:")}
    gone = [key for key, value in tags.items() if key in present and value in (None, present[key])]
    for key in gone:
        del present[key]
    if not present:
        del backend.tags[resource_id]
    events.tags_changed(backend, resource_id, gone)


def _get_tags(self) -> list[dict[str, str]]:
    """moto looks for one resource's tags among those of all, which makes describing n resources cost n squared."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [
        {"key": key, "value": value, "resource_id": self.id, "resource_type": kind}
        for key, value in self.ec2_backend.tags.get(self.id, {}).items()
    ]


def install() -> None:
    TaggedEC2Resource.get_tags = _get_tags


class Tagging:
    def create_tags(self):
        resources, tags = self._get_param("Resources", []), self._get_param("Tags", [])
        if not resources:
            raise missing("resourceIdSet")
        if not tags:
            raise missing("Tags")
        if len(resources) > 1000:
            raise invalid("At most 1000 resources may be tagged in one call.")
        wanted = {tag["Key"]: tag.get("Value", "") for tag in tags}
        backend = self.ec2_backend
        for resource in resources:
            self.must_exist(resource)
            check(wanted, backend.tags.get(resource))
        self.error_on_dryrun()
        for resource in resources:
            put(backend, resource, wanted)
        return EmptyResult()

    def delete_tags(self):
        resources, tags = self._get_param("Resources", []), self._get_param("Tags", [])
        if not resources:
            raise missing("resourceIdSet")
        self.error_on_dryrun()
        unwanted = {tag["Key"]: tag.get("Value") for tag in tags} if tags else None
        for resource in resources:
            self.must_exist(resource)
            remove(self.ec2_backend, resource, unwanted)
        return EmptyResult()

    def describe_tags(self):
        self.error_on_dryrun()
        filters = self.filters()
        tags = self.ec2_backend.tags
        ids = filters.get("resource-id", [])
        # Callers mostly ask about one resource; do not walk all for it.
        if ids and not any("*" in one or "?" in one for one in ids):
            pairs = [(one, tags[one]) for one in ids if one in tags]
        else:
            pairs = list(tags.items())
        found = [
            {
                "ResourceId": resource,
                "ResourceType": EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource), ""),
                "Key": key,
                "Value": value,
            }
            for resource, values in pairs
            for key, value in list(values.items())
        ]
        names = {"resource-id": "ResourceId", "resource-type": "ResourceType", "key": "Key", "value": "Value"}

        def value_of(tag: dict, name: str):
            if name not in names:
                raise paging.unknown(name)
            return tag[names[name]]

        found = paging.select(found, filters, value_of, lambda tag: {tag["Key"]: tag["Value"]})
        found.sort(key=lambda tag: (tag["ResourceId"], tag["Key"]))
        shown, token = paging.page(found, lambda tag: f"{tag['ResourceId']}\0{tag['Key']}", self.params, least=5)
        return ActionResult({"Tags": shown, "NextToken": token})
