"""CreateImage and RegisterImage, and how an image becomes available or fails
(aws-behaviour.md#a-failed-image-and-its-snapshots)."""

import re
import time
import uuid

from moto.core.responses import ActionResult
from moto.ec2.utils import random_ami_id

from . import events, keys, model, tagging, timers
from .errors import error, invalid, missing
from .model import Device, Image
from .state import LOCK, STATE

# "3-128, alphanumerics ()[] . / - ' @ _ and space" (aws-behaviour.md#characters-of-an-image-name).
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}\Z")
_last_snapshot: dict[str, float] = {}


def check_name(backend, name: str | None) -> str:
    if not name:
        raise missing("Name")
    if not _NAME.match(name):
        raise error(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "'(', ')', '.', '-', '/' and '_'",
        )
    for image in backend.amis.values():
        # Every image that exists holds its name: pending, disabled and failed ones too. That a disabled or failed
        # one does is not documented (aws-behaviour.md#image-names-are-unique), and the stricter
        # reading.
        if image.name == name:
            raise error("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")
    return name


def settle_later(image: Image, action: str, request_id: str, problem=lambda: None) -> None:
    """Ends `pending` after the time that is set. `problem` is asked at the end, outside the lock, whether something
    is wrong (a key); a failure that was ordered comes first."""
    ordered = STATE.take_failure(action, image.region)

    def settle() -> None:
        message = ordered or problem()
        with LOCK:
            finish(image, request_id, message)

    image.settle = settle
    timers.after(STATE.pending_seconds, settle)


def finish(image: Image, request_id: str, message: str | None) -> None:
    if image.state != "pending" or model.BY_REGION.get(image.region, {}).get(image.id) is not image:
        return  # settled by hand, or deregistered meanwhile
    for snapshot in image.snapshots():
        # A failed image keeps its snapshots, in error, so that there is something to clean up
        # (aws-behaviour.md#a-failed-image-and-its-snapshots).
        snapshot.status = "error" if message else "completed"
    image.state = "failed" if message else "available"
    if message:
        code = message.split(":", 1)[0] if message.startswith(("Client.", "Server.")) else "Client.InternalError"
        image.reason_code, image.reason = code, message
    events.image_changed(image, image.state, request_id, message or "")


def check_description(text: str | None) -> str:
    if text and len(text) > 255:
        raise invalid("Description must not be longer than 255 characters.")
    if text and not text.isascii():
        # metadist/synaplan#1546, wendylabsinc/WendyOS-Builder#56; the words are those of other descriptions.
        raise invalid(f"Value ({text}) for parameter Description is invalid. Character sets beyond ASCII are not supported.")
    return text or ""


class Images:
    def create_image(self):
        backend = self.ec2_backend
        instance = self.instance(self._get_param("InstanceId"))
        tags = tagging.given(self._get_param("TagSpecifications"), ("image", "snapshot"))
        description = check_description(self._get_param("Description"))
        if instance.state == "pending":
            # As reported (aws-behaviour.md#states-in-which-ec2-makes-an-image).
            raise error("InvalidParameterValue", "Instance is not in state 'running' or 'stopping' or 'stopped'")
        if instance.state in ("terminated", "shutting-down"):
            raise error(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which an image can be created.",
            )
        if instance.root_device_type != "ebs":
            # Which code AWS uses is not documented
            # (aws-behaviour.md#createimage-needs-an-ebs-root-device).
            raise error("NonEBSInstance", f"The instance '{instance.id}' does not have an EBS root device.")
        devices = self._devices_of(instance)
        name = check_name(backend, self._get_param("Name"))
        self._space_out(devices)
        self.error_on_dryrun()

        source = model.BY_REGION.get(self.region, {}).get(instance.image_id)
        image = Image(
            backend,
            random_ami_id(),
            name,
            description,
            root_device_name=instance.root_device_name,
            architecture=instance.architecture,
            platform=instance.platform,
            boot_mode=source.boot_mode if source else "uefi-preferred",
            imds_support=source.imds_support if source else None,
            source_instance_id=instance.id,
            # Even if that is another account's or long gone
            # (aws-behaviour.md#where-an-image-says-that-it-comes-from).
            source_image_id=instance.image_id,
            source_image_region=self.region,
        )
        for device, volume in devices:
            text = f"Created by CreateImage({instance.id}) for {image.id}"
            if volume is not None:
                snapshot = model.new_snapshot(backend, volume, text, device, image.id)
                tagging.put(backend, snapshot.id, tags.get("snapshot", {}), creating=True)
                _last_snapshot[volume.id] = time.monotonic()
            image.devices.append(device)
        model.add(image)
        tagging.put(backend, image.id, tags.get("image", {}), creating=True)

        def broken_key():
            used = {device.kms_key_id for device, _ in devices if device.kms_key_id}
            return next(filter(None, (keys.check(backend, arn)[1] for arn in sorted(used))), None)

        settle_later(image, "CreateImage", self.request_id, broken_key)
        return ActionResult({"ImageId": image.id})

    def _devices_of(self, instance) -> list[tuple[Device, object]]:
        """The instance's volumes, as BlockDeviceMappings changes them
        (aws-behaviour.md#device-mappings-of-createimage). Neither size nor encryption of a volume can be
        changed. `NoDevice` leaves one out, but never the root (what AWS says of that is not documented),
        and is no error for a device that is not there. A new name adds an empty volume, which needs a
        size ("Either snapshot ID or volume size must be provided", from third-party reports)."""
        asked = {entry.get("DeviceName"): entry for entry in self._get_param("BlockDeviceMappings", [])}
        devices = []
        for name, block in instance.get_block_device_mapping:
            volume = self.ec2_backend.volumes[block.volume_id]
            entry = asked.pop(name, {})
            if "NoDevice" in entry:
                if name == instance.root_device_name:
                    raise error("InvalidBlockDeviceMapping", f"The root device {name} cannot be left out.")
                continue
            ebs = entry.get("Ebs", {})
            if ebs.get("VolumeSize", volume.size) != volume.size or ebs.get("Encrypted", volume.encrypted) != (
                volume.encrypted
            ):
                raise error("InvalidBlockDeviceMapping", f"The size and encryption of {name} cannot be changed.")
            device = Device(
                name,
                volume.size,
                volume.volume_type,
                volume.iops,
                volume.throughput,
                volume.encrypted,
                volume.kms_key_id if volume.encrypted else None,
                ebs.get("DeleteOnTermination", bool(block.delete_on_termination)),
            )
            devices.append((device, volume))
        for name, entry in asked.items():
            if "VirtualName" in entry:
                devices.append((Device(name, virtual_name=entry["VirtualName"]), None))
            elif "NoDevice" not in entry:
                if not entry.get("Ebs", {}).keys() & {"VolumeSize", "SnapshotId"}:
                    raise error(
                        "InvalidBlockDeviceMapping", f"Either snapshot ID or volume size must be provided for: {name}"
                    )
                devices.append((_asked_device(name, entry.get("Ebs", {})), None))
        return devices

    def _space_out(self, devices) -> None:
        for _, volume in devices:
            if volume is not None and STATE.snapshot_gap_seconds:
                if time.monotonic() - _last_snapshot.get(volume.id, -1e9) < STATE.snapshot_gap_seconds:
                    raise error(
                        "SnapshotCreationPerVolumeRateExceeded",
                        "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or "
                        "variable sleep interval between requests.",
                    )

    def register_image(self):
        """From snapshots (BlockDeviceMappings), or, with ImageLocation, an instance-store image: the way to get an
        instance that CreateImage refuses."""
        backend = self.ec2_backend
        tags = tagging.given(self._get_param("TagSpecifications"), ("image", "snapshot"))
        name = check_name(backend, self._get_param("Name"))
        location = self._get_param("ImageLocation")
        mappings = self._get_param("BlockDeviceMappings", [])
        if not location and not mappings:
            raise missing("BlockDeviceMappings")
        devices = [_asked_device(entry["DeviceName"], entry.get("Ebs", {})) for entry in mappings]
        for device in devices:
            if device.snapshot_id:
                snapshot = self.snapshot(device.snapshot_id)
                device.size, device.encrypted = device.size or snapshot.volume_size, snapshot.encrypted
                device.kms_key_id = snapshot.kms_key_id
        self.error_on_dryrun()
        image = Image(
            backend,
            random_ami_id(),
            name,
            check_description(self._get_param("Description")),
            devices=devices,
            root_device_name=self._get_param("RootDeviceName") or (devices[0].name if devices else "/dev/sda1"),
            root_device_type="instance-store" if location else "ebs",
            architecture=self._get_param("Architecture") or "x86_64",
            virtualization_type=self._get_param("VirtualizationType") or "hvm",
            image_location=location or "",
            imds_support=self._get_param("ImdsSupport"),
        )
        model.add(image)
        tagging.put(backend, image.id, tags.get("image", {}), creating=True)
        settle_later(image, "RegisterImage", self.request_id)
        return ActionResult({"ImageId": image.id})


def _asked_device(name: str, ebs: dict) -> Device:
    return Device(
        name,
        ebs.get("VolumeSize") or 8,
        ebs.get("VolumeType", "gp3"),
        ebs.get("Iops"),
        ebs.get("Throughput"),
        bool(ebs.get("Encrypted", False)),
        None,
        ebs.get("DeleteOnTermination", True),
        ebs.get("SnapshotId"),
    )


def settle_now(image: Image, message: str | None) -> None:
    with LOCK:
        finish(image, str(uuid.uuid4()), message)
