"""Instances, as far as images are made from them and launched into them."""

import itertools
import re
from datetime import datetime, timezone

from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend

from . import errors, events, keys, model, paging, timers
from .errors import error, invalid, missing
from .model import Device
from .state import LOCK, STATE

_ID = re.compile(r"i-[0-9a-f]{8,17}\Z")
_order = itertools.count(1)
_run = InstanceBackend.run_instances


def _run_without_volumes(self, *args, **kwargs):
    """moto gives every instance one bare volume, or only those that were named. An empty list stops that; the
    volumes follow from the image, in `_attach`."""
    kwargs["block_device_mappings"] = []
    return _run(self, *args, **kwargs)


def install() -> None:
    InstanceBackend.run_instances = _run_without_volumes


class Instances:
    def instance(self, instance_id: str | None):
        if not instance_id:
            raise missing("InstanceId")
        if not _ID.match(instance_id):
            raise error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        found = self.ec2_backend.get_instance_by_id(instance_id)
        if found is None:
            raise error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return found

    def describe_instances(self):
        self.error_on_dryrun()
        ids, filters = self._get_param("InstanceIds", []), self.filters() or None
        if ids and self._get_param("MaxResults") is not None:
            raise error(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        for instance_id in ids:
            self.instance(instance_id)
        backend = self.ec2_backend
        try:
            if ids:
                reservations = backend.get_reservations_by_instance_ids(ids, filters=filters)
            else:
                reservations = backend.describe_instances(filters=filters)
        except NotImplementedError:
            raise invalid(f"One of the filters {', '.join(filters or {})} is not known to the local EC2.") from None
        for reservation in reservations:
            if not hasattr(reservation, "sequence"):
                reservation.sequence = f"{next(_order):012d}"
        shown, token = paging.page(reservations, lambda one: one.sequence, self.params, least=5)
        return ActionResult({"Reservations": shown, "NextToken": token})

    def run_instances(self):
        """Any image id is accepted, so that a command pasted from a tutorial works; an image that is known here
        decides volumes and architecture, and must be launchable."""
        image_id, asked = self._get_param("ImageId"), self.params.pop("BlockDeviceMappings", [])
        template = self._get_param("LaunchTemplate", {})
        if template:
            data = self.ec2_backend._get_template_from_args(template).data
            image_id, asked = image_id or data.get("ImageId"), asked or data.get("BlockDeviceMappings", [])
        image = model.BY_REGION.get(self.region, {}).get(image_id or "")
        if image is not None:
            if not image.visible_to(self.current_account):
                raise errors.image_not_found(image_id)
            if image.state != "available":
                raise errors.image_unavailable(image_id, f"is currently {image.state}")
        elif image_id in self.ec2_backend.deleted_amis:
            raise errors.image_unavailable(image_id)
        elif image_id and not image_id.startswith(("ami-", "resolve:ssm:")):
            raise errors.image_malformed(image_id)
        # moto starts MinCount instances; EC2 starts up to MaxCount.
        self.params["MinCount"] = self._get_param("MaxCount") or self._get_param("MinCount") or 1
        # Profiles live in ministack's IAM, which moto does not know.
        self.params.pop("IamInstanceProfile", None)
        reservation = super().run_instances().result
        reservation.sequence = f"{next(_order):012d}"
        tags = self._parse_tag_specification()
        for instance in reservation.instances:
            self._attach(instance, image, asked, tags.get("volume", {}))
            events.instance_changed(self.ec2_backend, instance.id, "pending")
            if instance.state == "running" and STATE.instance_pending_seconds > 0:
                self._keep_pending(instance)
            elif instance.state == "running":
                events.instance_changed(self.ec2_backend, instance.id, "running")
            events.tags_changed(self.ec2_backend, instance.id, list(tags.get("instance", {})), creating=True)
        if image is not None:
            image.last_launched = datetime.now(timezone.utc)
        return ActionResult(reservation)

    def _attach(self, instance, image, asked: list[dict], tags: dict[str, str]) -> None:
        """One volume per EBS device: the image's, as the call changes them; for an unknown image, one root volume
        of 8 GiB, gp3."""
        if image is not None:
            devices = {device.name: device.copy() for device in image.devices}
            instance.root_device_name, instance.root_device_type = image.root_device_name, image.root_device_type
        else:
            first = asked[0].get("DeviceName") if asked else None
            instance.root_device_name = first if first in ("/dev/sda1", "/dev/xvda") else "/dev/xvda"
            devices = {instance.root_device_name: Device(instance.root_device_name)}
        for entry in asked:
            name, ebs = entry.get("DeviceName"), entry.get("Ebs", {})
            if "NoDevice" in entry:
                devices.pop(name, None)
            elif "VirtualName" in entry:
                devices[name] = Device(name, virtual_name=entry["VirtualName"])
            else:
                device = devices.setdefault(name, Device(name))
                device.size = ebs.get("VolumeSize") or device.size
                device.volume_type = ebs.get("VolumeType", device.volume_type)
                device.iops, device.throughput = ebs.get("Iops", device.iops), ebs.get("Throughput", device.throughput)
                device.encrypted = bool(ebs.get("Encrypted", False)) or device.encrypted
                device.kms_key_id = ebs.get("KmsKeyId") or device.kms_key_id
                device.snapshot_id = ebs.get("SnapshotId", device.snapshot_id)
                device.delete_on_termination = ebs.get("DeleteOnTermination", device.delete_on_termination)
        if instance.root_device_type != "ebs":
            devices = {}
        backend = self.ec2_backend
        for device in devices.values():
            if device.virtual_name:
                continue
            encrypted, problem = device.encrypted or backend.ebs_encryption_by_default, None
            key = None
            if encrypted:
                key, problem = keys.check(backend, device.kms_key_id)
            volume = backend.create_volume(device.size, instance.placement.zone, encrypted=encrypted, kms_key_id=key)
            volume.volume_type, volume.iops = device.volume_type, device.iops
            volume.throughput, volume.snapshot_id = device.throughput, device.snapshot_id
            backend.attach_volume(volume.id, instance.id, device.name, device.delete_on_termination)
            backend.tags[volume.id].update(tags)
            if problem:
                # EC2 accepts the launch; the instance then ends by itself.
                instance.terminate()
                instance.state_reason.code = "Client.InternalError"
                instance.state_reason.message = "Client.InternalError: Client error on launch"
                return

    def _keep_pending(self, instance) -> None:
        backend = self.ec2_backend
        instance._state.name, instance._state.code = "pending", 0

        def run() -> None:
            with LOCK:
                if instance.state == "pending":
                    instance._state.name, instance._state.code = "running", 16
                    events.instance_changed(backend, instance.id, "running")

        timers.after(STATE.instance_pending_seconds, run)

    def start_instances(self):
        started = [self.instance(one) for one in self._get_param("InstanceIds", [])]
        stopped = [one for one in started if one.state == "stopped"]
        if STATE.instance_pending_seconds <= 0:
            return self._moved(super().start_instances, ("pending", "running"))
        answer = self._moved(super().start_instances, ("pending",))
        for instance in stopped:
            self._keep_pending(instance)
        return answer

    def stop_instances(self):
        return self._moved(super().stop_instances, ("stopping", "stopped"))

    def terminate_instances(self):
        # moto's would load its load balancer and Auto Scaling to tell them.
        def terminate():
            self.error_on_dryrun()
            changes = self.ec2_backend.terminate_instances(self._get_param("InstanceIds", []))
            shutting_down = {"Code": 32, "Name": "shutting-down"}
            return ActionResult(
                {
                    "TerminatingInstances": [
                        {"InstanceId": one.id, "CurrentState": shutting_down, "PreviousState": before}
                        for one, before in changes
                    ]
                }
            )

        return self._moved(terminate, ("shutting-down", "terminated"))

    def _moved(self, action, states: tuple[str, ...]):
        ids = self._get_param("InstanceIds", [])
        before = {instance_id: self.instance(instance_id).state for instance_id in ids}
        if states[-1] != "terminated" and "terminated" in before.values():
            raise error("IncorrectInstanceState", "A terminated instance cannot change its state.")
        result = action()
        for instance_id in ids:
            if before[instance_id] != states[-1]:
                for state in states:
                    events.instance_changed(self.ec2_backend, instance_id, state)
        return result
