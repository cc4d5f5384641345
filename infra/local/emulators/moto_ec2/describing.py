"""DescribeImages, and who sees which image
(aws-behaviour.md#disabled-and-deprecated-images-in-lists)."""

import time

from moto.core.responses import ActionResult

from . import errors, model, paging
from .model import Image


def iso(moment) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def described(image: Image, viewer: str) -> dict:
    own = image.owner_id == viewer
    show_snapshots = image.state not in ("pending", "failed") or not image.is_copy
    answer = {
        "ImageId": image.id,
        "Name": image.name,
        "Description": image.description,
        "State": image.state,
        "OwnerId": image.owner_id,
        "Public": image.is_public,
        "CreationDate": image.creation_date,
        "Architecture": image.architecture,
        "ImageType": "machine",
        "ImageLocation": image.image_location,
        "VirtualizationType": image.virtualization_type,
        "Hypervisor": image.hypervisor,
        "BootMode": image.boot_mode,
        "EnaSupport": True,
        "SriovNetSupport": "simple",
        "RootDeviceName": image.root_device_name,
        "RootDeviceType": image.root_device_type,
        "PlatformDetails": "Windows" if image.platform == "windows" else "Linux/UNIX",
        "UsageOperation": "RunInstances:0002" if image.platform == "windows" else "RunInstances",
        "BlockDeviceMappings": [device.described(show_snapshots) for device in image.devices],
        # Sharing an image does not show its tags
        # (aws-behaviour.md#tags-are-seen-by-their-owner-only).
        "Tags": [{"Key": k, "Value": v} for k, v in image.tags.items()] if own else [],
        "SourceInstanceId": image.source_instance_id,
        "SourceImageId": image.source_image_id,
        "SourceImageRegion": image.source_image_region,
        "DeprecationTime": iso(image.deprecation) if image.deprecation else None,
        "ImdsSupport": image.imds_support,
        "Platform": image.platform,
        "DeregistrationProtection": image.deregistration_protection if own else None,
        # AWS shows this a day late; here at once
        # (aws-behaviour.md#attributes-of-an-image-that-change-slowly).
        "LastLaunchedTime": iso(image.last_launched) if own and image.last_launched else None,
    }
    if image.reason_code:
        answer["StateReason"] = {"Code": image.reason_code, "Message": image.reason}
    return {name: value for name, value in answer.items() if value is not None}


_FILTERS = {
    "architecture": lambda image: image.architecture,
    "boot-mode": lambda image: image.boot_mode,
    "creation-date": lambda image: iso(image.creation_date),
    "description": lambda image: image.description,
    "ena-support": lambda image: True,
    "hypervisor": lambda image: image.hypervisor,
    "image-id": lambda image: image.id,
    "image-type": lambda image: "machine",
    "is-public": lambda image: image.is_public,
    "kernel-id": lambda image: image.kernel_id,
    "manifest-location": lambda image: image.image_location,
    "name": lambda image: image.name,
    "owner-alias": lambda image: image.owner_alias,
    "owner-id": lambda image: image.owner_id,
    "platform": lambda image: image.platform,
    "product-code": lambda image: None,
    "ramdisk-id": lambda image: None,
    "root-device-name": lambda image: image.root_device_name,
    "root-device-type": lambda image: image.root_device_type,
    "source-image-id": lambda image: image.source_image_id,
    "source-image-region": lambda image: image.source_image_region,
    "source-instance-id": lambda image: image.source_instance_id,
    "state": lambda image: image.state,
    "state-reason-code": lambda image: image.reason_code,
    "state-reason-message": lambda image: image.reason,
    "virtualization-type": lambda image: image.virtualization_type,
}
_DEVICE_FILTERS = {
    "delete-on-termination": "DeleteOnTermination",
    "encrypted": "Encrypted",
    "snapshot-id": "SnapshotId",
    "volume-size": "VolumeSize",
    "volume-type": "VolumeType",
}


def _value(image: Image, name: str):
    if name in _FILTERS:
        return _FILTERS[name](image)
    prefix, _, part = name.partition("block-device-mapping.")
    if prefix == "" and part == "device-name":
        return [device.name for device in image.devices]
    if prefix == "" and part in _DEVICE_FILTERS:
        devices = described(image, image.owner_id)["BlockDeviceMappings"]
        return [device.get("Ebs", {}).get(_DEVICE_FILTERS[part]) for device in devices]
    raise paging.unknown(name)


class Describing:
    def describe_images(self):
        self.error_on_dryrun()
        viewer, param = self.current_account, self._get_param
        ids = param("ImageIds", [])
        images = self._named(ids, viewer) if ids else self._seen(viewer, param("Owners", []))
        executable = param("ExecutableUsers", [])
        if executable:
            accounts = [viewer if user == "self" else user for user in executable]
            images = [
                image
                for image in images
                if any((image.is_public if user == "all" else image.shared_with(user)) for user in accounts)
            ]
        if not param("IncludeDisabled", False):
            images = [image for image in images if image.state != "disabled"]
        if not param("IncludeDeprecated", False):
            # The owner always sees deprecated images
            # (aws-behaviour.md#disabled-and-deprecated-images-in-lists).
            images = [image for image in images if image.owner_id == viewer or not image.deprecated]

        def tags_of(image):
            return image.tags if image.owner_id == viewer else {}

        images = paging.select(images, self.filters(), _value, tags_of)
        images.sort(key=lambda image: image.sequence)
        shown, token = paging.page(images, lambda image: image.sequence, self.params)
        return ActionResult({"Images": [described(image, viewer) for image in shown], "NextToken": token})

    def _named(self, ids: list[str], viewer: str) -> list[Image]:
        there, found, absent = model.BY_REGION.get(self.region, {}), [], []
        for image_id in dict.fromkeys(ids):
            if not model.well_formed(image_id):
                raise errors.image_malformed(image_id)
            image = there.get(image_id)
            if image is None or not image.visible_to(viewer) or _hidden(image):
                absent.append(image_id)
            else:
                found.append(image)
        if absent:
            raise errors.image_not_found(absent)
        return found

    def _seen(self, viewer: str, owners: list[str]) -> list[Image]:
        owners = [viewer if owner == "self" else owner for owner in owners]
        if owners == [viewer]:
            # The usual question; it must not cost a walk over every account's images.
            candidates = list(self.ec2_backend.amis.values())
        else:
            candidates = [image for image in model.BY_REGION.get(self.region, {}).values() if image.visible_to(viewer)]
            candidates = [image for image in candidates if not owners or image.owner_id in owners]
        return [image for image in candidates if not _hidden(image)]


def _hidden(image: Image) -> bool:
    """Reads may lag behind writes (aws-behaviour.md#reads-are-eventually-consistent);
    `hide-images` says by how much."""
    return image.hidden_until > time.monotonic()
