"""Attributes of images: launch permissions, description, IMDS
(aws-behaviour.md#launch-permissions)."""

import re

from moto.core.responses import ActionResult, EmptyResult

from . import errors, keys, model
from .describing import iso
from .errors import error, invalid, missing
from .model import Image
from .state import STATE

_VALUES = {
    "description": ("Description", lambda image: image.description),
    "kernel": ("KernelId", lambda image: image.kernel_id),
    "ramdisk": ("RamdiskId", lambda image: None),
    "sriovNetSupport": ("SriovNetSupport", lambda image: "simple"),
    "bootMode": ("BootMode", lambda image: image.boot_mode),
    "tpmSupport": ("TpmSupport", lambda image: None),
    "uefiData": ("UefiData", lambda image: None),
    "imdsSupport": ("ImdsSupport", lambda image: image.imds_support),
    "deregistrationProtection": ("DeregistrationProtection", lambda image: image.deregistration_protection),
    "lastLaunchedTime": (
        "LastLaunchedTime",
        lambda image: iso(image.last_launched) if image.last_launched else None,
    ),
}
_TARGETS = (
    ("UserIds", "UserId"),
    ("UserGroups", "Group"),
    ("OrganizationArns", "OrganizationArn"),
    ("OrganizationalUnitArns", "OrganizationalUnitArn"),
)

_ORGANIZATIONS = {
    "OrganizationArn": re.compile(r"arn:aws:organizations::\d{12}:organization/o-[a-z0-9]{10,32}"),
    "OrganizationalUnitArn": re.compile(
        r"arn:aws:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}"
    ),
}


def _check_target(permission: dict[str, str]) -> None:
    user, group = permission.get("UserId"), permission.get("Group")
    if user is not None and not (len(user) == 12 and user.isdigit()):
        raise error("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{user}" for userId item type.')
    if group is not None and group != "all":
        raise error("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{group}" for UserGroup item type.')
    for name, form in _ORGANIZATIONS.items():
        arn = permission.get(name)
        # A bare id or the ARN of something else: the text is AWS's (hashicorp/packer-plugin-amazon issue 156).
        if arn is not None and not form.fullmatch(arn):
            raise error("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{arn}" for {name} item type.')
    # aws-behaviour.md#one-bad-target-refuses-the-whole-call. The code for a closed account is not
    # documented.
    for name, item in (("UserId", "userId"), *((name, name) for name in _ORGANIZATIONS)):
        if permission.get(name) in STATE.closed_targets:
            raise error(
                "InvalidAMIAttributeItemValue",
                f'Invalid attribute item value "{permission[name]}" for {item} item type.',
            )


class Sharing:
    def describe_image_attribute(self):
        image = model.find_own(self.ec2_backend, self._get_param("ImageId"))
        attribute = self._get_param("Attribute")
        self.error_on_dryrun()
        answer = {"ImageId": image.id}
        if attribute == "launchPermission":
            # The only place that shows them (aws-behaviour.md#where-launch-permissions-are-shown).
            answer["LaunchPermissions"] = list(image.launch_permissions)
        elif attribute == "productCodes":
            answer["ProductCodes"] = []
        elif attribute == "blockDeviceMapping":
            raise error("AuthFailure", "Unauthorized attempt to access restricted resource")
        elif attribute in _VALUES:
            name, value = _VALUES[attribute]
            answer[name] = {"Value": value(image)}
        else:
            raise invalid(f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute.")
        return ActionResult(answer)

    def modify_image_attribute(self):
        image = self._modifiable()
        param = self._get_param
        self.error_on_dryrun()
        add, remove = self._permissions()
        if add or remove:
            self._share(image, add, remove)
        elif param("Description") is not None:
            text = param("Description")
            image.description = text.get("Value", "") if isinstance(text, dict) else text
        elif param("ImdsSupport") is not None:
            wanted = param("ImdsSupport")
            if (wanted.get("Value") if isinstance(wanted, dict) else wanted) != "v2.0":
                # aws-behaviour.md#attributes-of-an-image-that-change-slowly
                raise invalid("ImdsSupport can only be set to v2.0.")
            image.imds_support = "v2.0"
        elif param("Attribute") == "description":
            image.description = param("Value", "")
        else:
            raise missing("Attribute")
        return EmptyResult()

    def reset_image_attribute(self):
        image = self._modifiable()
        self.error_on_dryrun()
        image.launch_permissions.clear()
        return EmptyResult()

    def _modifiable(self) -> Image:
        image = model.find_own(self.ec2_backend, self._get_param("ImageId"))
        if image.state != "available":
            # For states other than pending it is not documented
            # (aws-behaviour.md#a-pending-image-cannot-be-shared).
            raise errors.image_unavailable(image.id, f"is currently {image.state}")
        return image

    def _permissions(self) -> tuple[list[dict], list[dict]]:
        both = self._get_param("LaunchPermission", {}) or {}
        add, remove = list(both.get("Add", [])), list(both.get("Remove", []))
        operation = self._get_param("OperationType")
        if operation:
            listed = add if operation == "add" else remove
            for parameter, name in _TARGETS:
                listed.extend({name: value} for value in self._get_param(parameter, []))
        return add, remove

    def _share(self, image: Image, add: list[dict], remove: list[dict]) -> None:
        for permission in (*add, *remove):
            _check_target(permission)
        account, region = image.owner_id, image.region
        encrypted = [snapshot for snapshot in image.snapshots() if snapshot.encrypted]
        if add and any(keys.is_managed(snapshot.kms_key_id, account, region) for snapshot in encrypted):
            # Error and text as reported
            # (aws-behaviour.md#images-under-the-aws-managed-key-cannot-be-shared).
            raise error(
                "InvalidParameter",
                "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
            )
        public = {"Group": "all"} in add
        if public and encrypted:
            raise error("InvalidParameter", "Images with encrypted snapshots cannot be made public.")
        if public and getattr(self.ec2_backend, "image_sharing_blocked", False):
            raise error("OperationNotPermitted", "Block public access for AMIs is enabled in this Region.")
        for permission in add:
            if permission not in image.launch_permissions:
                image.launch_permissions.append(permission)
        # Removing what is not there succeeds without effect (aws-behaviour.md#launch-permissions).
        image.launch_permissions[:] = [kept for kept in image.launch_permissions if kept not in remove]

    def modify_snapshot_attribute(self):
        snapshot = self.snapshot(self._get_param("SnapshotId"))
        both = self._get_param("CreateVolumePermission", {}) or {}
        add, remove = list(both.get("Add", [])), list(both.get("Remove", []))
        operation = self._get_param("OperationType")
        if operation:
            listed = add if operation == "add" else remove
            listed.extend({"UserId": user} for user in self._get_param("UserIds", []))
            listed.extend({"Group": group} for group in self._get_param("GroupNames", []))
        if add and remove:
            raise error("InvalidParameterCombination", "Permissions can be added or removed, not both in one call.")
        for permission in (*add, *remove):
            _check_target(permission)
        backend = self.ec2_backend
        if add and keys.is_managed(snapshot.kms_key_id, backend.account_id, backend.region_name):
            # Error and text as reported for AWS (hashicorp/packer issue 7499).
            raise error("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
        if {"Group": "all"} in add and snapshot.encrypted:
            raise error("OperationNotPermitted", "Encrypted snapshots cannot be made public")
        self.error_on_dryrun()
        users, groups = snapshot.create_volume_permission_userids, snapshot.create_volume_permission_groups
        users.update(one["UserId"] for one in add if "UserId" in one)
        groups.update(one["Group"] for one in add if "Group" in one)
        users.difference_update(one["UserId"] for one in remove if "UserId" in one)
        groups.difference_update(one["Group"] for one in remove if "Group" in one)
        return EmptyResult()

    def reset_snapshot_attribute(self):
        snapshot = self.snapshot(self._get_param("SnapshotId"))
        self.error_on_dryrun()
        snapshot.create_volume_permission_userids.clear()
        snapshot.create_volume_permission_groups.clear()
        return EmptyResult()

    def describe_snapshot_attribute(self):
        snapshot = self.snapshot(self._get_param("SnapshotId"))
        permissions = [{"Group": group} for group in sorted(snapshot.create_volume_permission_groups)]
        permissions += [{"UserId": user} for user in sorted(snapshot.create_volume_permission_userids)]
        return ActionResult({"SnapshotId": snapshot.id, "CreateVolumePermissions": permissions})

    def get_image_block_public_access_state(self):
        return ActionResult({"ImageBlockPublicAccessState": self._blocking(), "ManagedBy": "account"})

    def enable_image_block_public_access(self):
        self.error_on_dryrun()
        self.ec2_backend.image_sharing_blocked = True
        return ActionResult({"ImageBlockPublicAccessState": self._blocking()})

    def disable_image_block_public_access(self):
        self.error_on_dryrun()
        self.ec2_backend.image_sharing_blocked = False
        return ActionResult({"ImageBlockPublicAccessState": self._blocking()})

    def _blocking(self) -> str:
        # AWS takes up to ten minutes to apply a change; here it is immediate
        # (aws-behaviour.md#public-images).
        return "block-new-sharing" if getattr(self.ec2_backend, "image_sharing_blocked", False) else "unblocked"
