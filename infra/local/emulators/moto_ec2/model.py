"""Images and the parts of them, and where they are found."""

import itertools
import re
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.utils import random_snapshot_id

from . import errors
from .state import STATE

# Every image of a Region, whoever owns it: a shared image is another account's. moto's own table per account is
# kept in step, because its instances and tags look there.
BY_REGION: dict[str, dict[str, "Image"]] = {}
_order = itertools.count(1)

_ID = re.compile(r"ami-[0-9a-z]{8,17}\Z")


@dataclass
class Device:
    """One entry of a block device mapping: an EBS volume's snapshot, or an instance-store volume."""

    name: str
    size: int = 8
    volume_type: str = "gp3"
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    delete_on_termination: bool = True
    snapshot_id: str | None = None
    virtual_name: str | None = None

    def described(self, show_snapshot: bool) -> dict[str, Any]:
        if self.virtual_name:
            return {"DeviceName": self.name, "VirtualName": self.virtual_name}
        ebs = {
            "DeleteOnTermination": self.delete_on_termination,
            "VolumeSize": self.size,
            "VolumeType": self.volume_type,
            "Encrypted": self.encrypted,
            "Iops": self.iops,
            "Throughput": self.throughput,
            # DescribeImages has no key; it is a property of the snapshot.
            "SnapshotId": self.snapshot_id if show_snapshot else None,
        }
        return {"DeviceName": self.name, "Ebs": {name: value for name, value in ebs.items() if value is not None}}

    def copy(self, **changes) -> "Device":
        return replace(self, **changes)


@dataclass(eq=False)
class Image(TaggedEC2Resource):
    ec2_backend: Any
    id: str
    name: str
    description: str = ""
    state: str = "pending"
    reason_code: str = ""
    reason: str = ""
    devices: list[Device] = field(default_factory=list)
    root_device_name: str = "/dev/xvda"
    root_device_type: str = "ebs"
    architecture: str = "x86_64"
    platform: str | None = None
    virtualization_type: str = "hvm"
    hypervisor: str = "xen"
    boot_mode: str = "uefi-preferred"
    image_location: str = ""
    kernel_id: str | None = None
    imds_support: str | None = None
    source_instance_id: str | None = None
    source_image_id: str | None = None
    source_image_region: str | None = None
    # Copies hide their snapshots until they are available
    # (aws-behaviour.md#a-copy-hides-its-snapshots-while-it-is-made).
    is_copy: bool = False
    launch_permissions: list[dict[str, str]] = field(default_factory=list)
    deprecation: datetime | None = None
    deregistration_protection: str = "disabled"
    last_launched: datetime | None = None

    def __post_init__(self):
        self.owner_id, self.region = self.ec2_backend.account_id, self.ec2_backend.region_name
        self.creation_date = datetime.now(timezone.utc).replace(tzinfo=None)
        self.sequence = f"{next(_order):012d}"
        self.hidden_until = time.monotonic() + STATE.hidden_for(self.region)
        self.image_location = self.image_location or f"{self.owner_id}/{self.name}"
        # moto's older code asks for these by other names.
        self.owner_alias, self.instance_id = None, self.source_instance_id

    @property
    def is_public(self) -> bool:
        return {"Group": "all"} in self.launch_permissions

    @property
    def tags(self) -> dict[str, str]:
        return self.ec2_backend.tags.get(self.id, {})

    @property
    def snapshot_ids(self) -> list[str]:
        return [device.snapshot_id for device in self.devices if device.snapshot_id]

    def snapshots(self) -> list[Snapshot]:
        found = self.ec2_backend.snapshots
        return [found[snapshot_id] for snapshot_id in self.snapshot_ids if snapshot_id in found]

    def shared_with(self, account: str) -> bool:
        for permission in self.launch_permissions:
            if permission.get("UserId") == account or permission.get("Group") == "all":
                return True
            arn = permission.get("OrganizationArn") or permission.get("OrganizationalUnitArn")
            if arn and account in STATE.organizations.get(arn, []):
                return True
        return False

    def visible_to(self, account: str) -> bool:
        return self.owner_id == account or self.shared_with(account)

    @property
    def deprecated(self) -> bool:
        return self.deprecation is not None and self.deprecation <= datetime.now(timezone.utc)


class CopiedVolume:
    """Stands for the volume of a snapshot that was not made from one; AWS shows vol-ffffffff."""

    def __init__(self, size: int):
        self.id, self.size = "vol-ffffffff", size


def add(image: Image) -> Image:
    BY_REGION.setdefault(image.region, {})[image.id] = image
    image.ec2_backend.amis[image.id] = image
    return image


def forget(image: Image) -> None:
    BY_REGION[image.region].pop(image.id, None)
    image.ec2_backend.amis.pop(image.id, None)
    image.ec2_backend.deleted_amis.append(image.id)
    image.ec2_backend.tags.pop(image.id, None)


def backend(account: str, region: str):
    try:
        return ec2_backends[account][region]
    except KeyError:
        raise errors.error("InvalidRegion", f"The specified Region {region} is not valid.") from None


def find(caller, image_id: str | None) -> Image:
    """An image that the caller's account may see, in the caller's Region."""
    if not image_id:
        raise errors.missing("ImageId")
    if not _ID.match(image_id):
        raise errors.image_malformed(image_id)
    image = BY_REGION.get(caller.region_name, {}).get(image_id)
    if image is None and image_id in caller.deleted_amis:
        # "has been deregistered and is no longer available" (EC2 error list).
        raise errors.image_unavailable(image_id)
    if image is None or not image.visible_to(caller.account_id):
        raise errors.image_not_found(image_id)
    return image


def find_own(caller, image_id: str | None) -> Image:
    image = find(caller, image_id)
    if image.owner_id != caller.account_id:
        raise errors.not_owner(image_id)
    return image


def well_formed(image_id: str) -> bool:
    return bool(_ID.match(image_id))


def new_snapshot(caller, volume, description: str, device: Device, image_id: str) -> Snapshot:
    """The snapshot behind one device of an image that is being made."""
    snapshot = Snapshot(
        caller,
        random_snapshot_id(),
        volume,
        description,
        encrypted=device.encrypted,
        kms_key_id=device.kms_key_id,
        from_ami=image_id,
    )
    snapshot.status = "pending"
    caller.snapshots[snapshot.id] = snapshot
    device.snapshot_id = snapshot.id
    return snapshot


def clear() -> None:
    BY_REGION.clear()
