"""CopyImage (aws-behaviour.md#copyimage-is-called-in-the-destination)."""

import json
import time

from moto.core.responses import ActionResult
from moto.ec2.utils import random_ami_id

from . import errors, keys, model, tagging
from .errors import error, invalid, missing
from .images import check_description, check_name, settle_later
from .model import Device, Image

# (account, Region, token) -> (what was asked, the image it made). Idempotency is per Region.
_tokens: dict[tuple[str, str, str], tuple[str, str]] = {}


def clear() -> None:
    _tokens.clear()


def _completion_minutes(minutes: int | None) -> int | None:
    """The time of a time-based copy (aws-behaviour.md#time-based-copies). Which error AWS has for another
    one is not documented. The quota is not modelled; the copy is pending for as long as any other."""
    if minutes is not None and (minutes % 15 or not 15 <= minutes <= 2880):
        raise invalid(f"Value ({minutes}) for parameter SnapshotCopyCompletionDurationMinutes is invalid.")
    return minutes


class Copies:
    def copy_image(self):
        token = self._get_param("ClientToken")
        if token and (len(token) > 64 or not token.isascii()):
            raise error("InvalidClientToken", "The client token must be at most 64 ASCII characters.")
        asked = json.dumps({k: v for k, v in self.params.items() if k not in ("ClientToken", "DryRun")}, sort_keys=True)
        place = (self.current_account, self.region, token or "")
        if token and place in _tokens:
            before, image_id = _tokens[place]
            if before != asked:
                raise error(
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical request.",
                )
            return ActionResult({"ImageId": image_id})
        image = self._copy()
        if token:
            _tokens[place] = (asked, image.id)
        return ActionResult({"ImageId": image.id})

    def _copy(self) -> Image:
        backend, param = self.ec2_backend, self._get_param
        source = self._source(param("SourceRegion"), param("SourceImageId"))
        tags = tagging.given(param("TagSpecifications"), ("image", "snapshot"))
        encrypt, key_name = bool(param("Encrypted", False)), param("KmsKeyId")
        if key_name and not encrypt:
            raise error(
                "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."
            )
        image_tags = dict(tags.get("image", {}))
        if param("CopyImageTags", False) and source.owner_id == backend.account_id:
            # Which wins on a collision is not documented (aws-behaviour.md#copyimagetags); here the
            # tags of the call do.
            image_tags = {k: v for k, v in source.tags.items() if not k.startswith("aws:")} | image_tags
            tagging.check(image_tags)
        minutes = _completion_minutes(param("SnapshotCopyCompletionDurationMinutes"))
        name = check_name(backend, param("Name"))
        description = check_description(param("Description"))
        self.error_on_dryrun()

        image = Image(
            backend,
            random_ami_id(),
            name,
            description or f"[Copied {source.id} from {source.region}] {source.description}".strip(),
            root_device_name=source.root_device_name,
            root_device_type=source.root_device_type,
            architecture=source.architecture,
            platform=source.platform,
            virtualization_type=source.virtualization_type,
            boot_mode=source.boot_mode,
            imds_support=source.imds_support,
            source_image_id=source.id,
            source_image_region=source.region,
            is_copy=True,
        )
        used = {None: None}
        for original in source.devices:
            image.devices.append(self._copied_device(original, source, image, encrypt, key_name, minutes, tags, used))
        model.add(image)
        tagging.put(backend, image.id, image_tags, creating=True)

        def broken_key() -> str | None:
            """A key is looked at only while the copy runs, so a bad one makes a failed image, not a refused call."""
            for arn in filter(None, used):
                problem = keys.check(backend, arn)[1] or used[arn]
                if problem:
                    return problem
            for snapshot in source.snapshots():
                if snapshot.encrypted and keys.check(source.ec2_backend, snapshot.kms_key_id)[1]:
                    return "Client.InvalidKMSKey.InvalidState: Given key ID is not accessible"
            return None

        settle_later(image, "CopyImage", self.request_id, broken_key)
        return image

    def _source(self, region: str | None, image_id: str | None) -> Image:
        if not region:
            raise missing("SourceRegion")
        where = model.backend(self.current_account, region)
        source = model.find(where, image_id)
        if source.state != "available":
            # The text for a source that is not available is not documented.
            raise errors.image_unavailable(source.id, f"is currently {source.state}")
        if source.root_device_type != "ebs":
            raise invalid("The image is not backed by EBS, and the local EC2 copies no other.")
        if source.owner_id != self.current_account:
            # Each snapshot must be shared too
            # (aws-behaviour.md#copying-an-image-of-another-account).
            for snapshot in source.snapshots():
                if (
                    self.current_account not in snapshot.create_volume_permission_userids
                    and "all" not in snapshot.create_volume_permission_groups
                ):
                    raise error("InvalidRequest", "You do not have permission to access the storage of this ami")
        return source

    def _copied_device(self, original: Device, source, image, encrypt, key_name, minutes, tags, used) -> Device:
        backend = self.ec2_backend
        if original.virtual_name or original.snapshot_id is None:
            return original.copy()
        # Encrypted stays encrypted; encryption by default in the destination acts like Encrypted=true.
        encrypted = encrypt or original.encrypted or backend.ebs_encryption_by_default
        device = original.copy(snapshot_id=None, encrypted=encrypted, kms_key_id=None)
        if encrypted:
            device.kms_key_id, problem = keys.check(backend, key_name)
            used[device.kms_key_id] = problem
        now = int(time.time() * 1000)
        text = (
            f"Copied for DestinationAmi {image.id} from SourceAmi {source.id} for SourceSnapshot "
            f"{original.snapshot_id}. Task created on {now}."
        )
        snapshot = model.new_snapshot(backend, model.CopiedVolume(device.size), text, device, image.id)
        snapshot.completion_minutes = minutes
        tagging.put(backend, snapshot.id, tags.get("snapshot", {}), creating=True)
        return device
