"""The end of an image: deprecate, disable, protect, deregister; and what refers to it
(aws-behaviour.md#deregistering-an-image)."""

from datetime import datetime, timedelta, timezone

from moto.core.responses import ActionResult

from . import errors, events, model
from .describing import iso
from .errors import error, invalid, missing
from .state import STATE


class Lifecycle:
    def _own(self):
        image = model.find_own(self.ec2_backend, self._get_param("ImageId"))
        self.error_on_dryrun()
        return image

    def enable_image_deprecation(self):
        image, when = self._own(), self._get_param("DeprecateAt")
        if when is None:
            raise missing("DeprecateAt")
        if isinstance(when, str):
            when = datetime.fromisoformat(when.replace("Z", "+00:00"))
        when = when.replace(tzinfo=when.tzinfo or timezone.utc)
        now = datetime.now(timezone.utc)
        # Future only, at most ten years, to the minute
        # (aws-behaviour.md#disabled-and-deprecated-images-in-lists).
        if when <= now or when > now + timedelta(days=3653):
            raise invalid("DeprecateAt must be in the future and at most 10 years from now.")
        image.deprecation = (when + timedelta(seconds=30)).replace(second=0, microsecond=0)
        return ActionResult({"Return": True})

    def disable_image_deprecation(self):
        self._own().deprecation = None
        return ActionResult({"Return": True})

    def disable_image(self):
        image = self._own()
        if image.state == "disabled":
            return ActionResult({"Return": True})
        if image.state != "available":
            raise errors.image_unavailable(image.id, f"is currently {image.state}")
        image.state = "disabled"
        # EnableImage does not give them back
        # (aws-behaviour.md#disabling-removes-launch-permissions).
        image.launch_permissions.clear()
        events.image_changed(image, "disabled", self.request_id)
        return ActionResult({"Return": True})

    def enable_image(self):
        image = self._own()
        if image.state not in ("disabled", "available"):
            raise errors.image_unavailable(image.id, f"is currently {image.state}")
        if image.state == "disabled":
            image.state = "available"
            events.image_changed(image, "available", self.request_id)
        return ActionResult({"Return": True})

    def enable_image_deregistration_protection(self):
        image = self._own()
        cooldown = bool(self._get_param("WithCooldown", False))
        image.deregistration_protection = "enabled-with-cooldown" if cooldown else "enabled-without-cooldown"
        # Return is a String in the model; its values are not documented.
        return ActionResult({"Return": "true"})

    def disable_image_deregistration_protection(self):
        image = self._own()
        # With a cooldown AWS still refuses for 24 hours; here it ends at once, and the answer does not say so.
        image.deregistration_protection = "disabled"
        return ActionResult({"Return": "true"})

    def deregister_image(self):
        image = self._own()
        if image.deregistration_protection != "disabled":
            # The code is not documented (aws-behaviour.md#deregistering-an-image).
            raise error("OperationNotPermitted", f"The image {image.id} is protected from deregistration.")
        results = None
        snapshots = [snapshot.id for snapshot in image.snapshots()]
        model.forget(image)
        events.image_changed(image, "deregistered", self.request_id)
        if self._get_param("DeleteAssociatedSnapshots", False):
            # A success with parts that failed is still HTTP 200
            # (aws-behaviour.md#deregistering-an-image).
            results = [{"SnapshotId": one, "ReturnCode": self._delete_associated(one)} for one in snapshots]
        return ActionResult({"Return": True, "DeleteSnapshotResults": results})

    def _delete_associated(self, snapshot_id: str) -> str:
        if STATE.take_failure("DeleteAssociatedSnapshot", self.region):
            return "internal-error"
        if self.images_using(snapshot_id):
            return "skipped"
        self.delete_one_snapshot(snapshot_id)
        return "success"

    def describe_image_references(self):
        """Instances (terminated ones too, as on AWS) and versions of launch templates of this account."""
        ids = self._get_param("ImageIds", [])
        if not 1 <= len(ids) <= 10:
            raise invalid("ImageIds must have 1 to 10 items.")
        self.error_on_dryrun()
        asked = {one.get("ResourceType") for one in self._get_param("ResourceTypes", [])}
        if not asked and not self._get_param("IncludeAllResourceTypes", False):
            raise missing("ResourceTypes")
        backend, found = self.ec2_backend, []
        place = f"arn:aws:ec2:{self.region}:{self.current_account}"
        if not asked or "ec2:Instance" in asked:
            states = self._option("ec2:Instance", "state-name")
            for instance in backend.all_instances():
                if instance.image_id in ids and (not states or instance.state in states):
                    found.append((instance.image_id, "ec2:Instance", f"{place}:instance/{instance.id}"))
        if not asked or "ec2:LaunchTemplate" in asked:
            depth = int((self._option("ec2:LaunchTemplate", "version-depth") or ["10"])[0])
            for template in backend.launch_templates.values():
                for version in template.versions[-depth:]:
                    if version.image_id in ids:
                        arn = f"{place}:launch-template/{template.id}"
                        found.append((version.image_id, "ec2:LaunchTemplate", arn))
        names = ("ImageId", "ResourceType", "Arn")
        return ActionResult({"ImageReferences": [dict(zip(names, one)) for one in sorted(set(found))]})

    def _option(self, kind: str, name: str) -> list[str]:
        for entry in self._get_param("ResourceTypes", []):
            if entry.get("ResourceType") == kind:
                for option in entry.get("ResourceTypeOptions", []):
                    if option.get("OptionName") == name:
                        return [str(value) for value in option.get("OptionValues", [])]
        return []

    def get_image_ancestry(self):
        """From the image to its root, over Regions; ends where a parent is not known here."""
        image = model.find(self.ec2_backend, self._get_param("ImageId"))
        self.error_on_dryrun()
        entries: list[dict] = []
        while image is not None and len(entries) < 50:
            entries.append(
                {
                    "ImageId": image.id,
                    "CreationDate": iso(image.creation_date),
                    "SourceImageId": image.source_image_id,
                    "SourceImageRegion": image.source_image_region,
                }
            )
            image = model.BY_REGION.get(image.source_image_region or "", {}).get(image.source_image_id or "")
        return ActionResult({"ImageAncestryEntries": entries})
