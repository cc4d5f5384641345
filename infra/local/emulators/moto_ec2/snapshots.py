"""Snapshots and volumes: what images need of them, and the account's EBS encryption settings."""

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_block_store import EBSBackend, Snapshot
from moto.ec2.models import ec2_backends

from . import errors, keys, model, paging
from .errors import error

_FILTERS = {
    "description": "Description",
    "encrypted": "Encrypted",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "start-time": "StartTime",
    "status": "State",
    "storage-tier": "StorageTier",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}


def described(snapshot: Snapshot, viewer: str) -> dict:
    tags = snapshot.ec2_backend.tags.get(snapshot.id, {}) if snapshot.owner_id == viewer else {}
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume.id,
        "VolumeSize": snapshot.volume.size,
        "State": snapshot.status,
        "StartTime": snapshot.start_time,
        "Progress": "100%" if snapshot.status == "completed" else "0%",
        "OwnerId": snapshot.owner_id,
        "Description": snapshot.description or "",
        "Encrypted": bool(snapshot.encrypted),
        "KmsKeyId": snapshot.kms_key_id if snapshot.encrypted else None,
        "StorageTier": snapshot.storage_tier,
        **_transfer(snapshot),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def _transfer(snapshot: Snapshot) -> dict:
    """How a copy was asked for; other snapshots say nothing of it."""
    if not hasattr(snapshot, "completion_minutes"):
        return {}
    minutes = snapshot.completion_minutes
    return {"TransferType": "time-based" if minutes else "standard", "CompletionDurationMinutes": minutes}


class Snapshots:
    def snapshot(self, snapshot_id: str | None) -> Snapshot:
        """One of the caller's own."""
        if not snapshot_id or not snapshot_id.startswith("snap-"):
            raise error("InvalidSnapshotID.Malformed", f'Invalid id: "{snapshot_id}" (expecting "snap-...")')
        found = self.ec2_backend.snapshots.get(snapshot_id)
        if found is None:
            raise errors.snapshot_not_found(snapshot_id)
        return found

    def describe_snapshots(self):
        self.error_on_dryrun()
        viewer, param = self.current_account, self._get_param
        candidates = list(self.ec2_backend.snapshots.values())
        owners = [viewer if owner == "self" else owner for owner in param("OwnerIds", [])]
        if owners != [viewer]:
            candidates += self._shared_snapshots(viewer)
        if owners:
            candidates = [one for one in candidates if one.owner_id in owners]
        ids = param("SnapshotIds", [])
        if ids:
            there = {one.id: one for one in candidates}
            for snapshot_id in ids:
                if snapshot_id not in there:
                    raise errors.snapshot_not_found(snapshot_id)
            candidates = [there[snapshot_id] for snapshot_id in dict.fromkeys(ids)]

        def value_of(snapshot, name: str):
            if name not in _FILTERS:
                raise paging.unknown(name)
            return described(snapshot, viewer)[_FILTERS[name]]

        def tags_of(snapshot):
            return snapshot.ec2_backend.tags.get(snapshot.id, {}) if snapshot.owner_id == viewer else {}

        candidates = paging.select(candidates, self.filters(), value_of, tags_of)
        candidates.sort(key=lambda one: one.id)
        shown, token = paging.page(candidates, lambda one: one.id, self.params, least=5)
        return ActionResult({"Snapshots": [described(one, viewer) for one in shown], "NextToken": token})

    def _shared_snapshots(self, viewer: str) -> list[Snapshot]:
        return [
            snapshot
            for account in list(ec2_backends)
            if account != viewer and self.region in ec2_backends[account]
            for snapshot in ec2_backends[account][self.region].snapshots.values()
            if viewer in snapshot.create_volume_permission_userids or "all" in snapshot.create_volume_permission_groups
        ]

    def images_using(self, snapshot_id: str) -> list[str]:
        return [image.id for image in self.ec2_backend.amis.values() if snapshot_id in image.snapshot_ids]

    def delete_one_snapshot(self, snapshot_id: str) -> None:
        self.ec2_backend.snapshots.pop(snapshot_id, None)
        self.ec2_backend.tags.pop(snapshot_id, None)

    def delete_snapshot(self):
        snapshot = self.snapshot(self._get_param("SnapshotId"))
        using = self.images_using(snapshot.id)
        if using:
            # Disabled images hold their snapshots too (aws-behaviour.md#deregistering-an-image).
            raise error("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {using[0]}")
        self.error_on_dryrun()
        self.delete_one_snapshot(snapshot.id)
        return EmptyResult()

    def get_ebs_default_kms_key_id(self):
        self.error_on_dryrun()
        # AWS names the managed key by its alias until another is set.
        return ActionResult({"KmsKeyId": self.ec2_backend.default_kms_key_id or keys.MANAGED_ALIAS})

    def modify_ebs_default_kms_key_id(self):
        self.error_on_dryrun()
        # AWS checks this key later too: a wrong one is accepted here and fails where it is used.
        arn, _problem = keys.check(self.ec2_backend, self._get_param("KmsKeyId"))
        self.ec2_backend.default_kms_key_id = arn
        return ActionResult({"KmsKeyId": arn})

    def reset_ebs_default_kms_key_id(self):
        self.error_on_dryrun()
        self.ec2_backend.default_kms_key_id = ""
        return ActionResult({"KmsKeyId": keys.MANAGED_ALIAS})


def install() -> None:
    create_volume, create_snapshot = EBSBackend.create_volume, EBSBackend.create_snapshot

    def with_key(self, *args, encrypted: bool = False, kms_key_id: str | None = None, **kwargs):
        """Encryption by default, and keys that are ministack's; moto would make keys of its own."""
        if kwargs.get("snapshot_id") in self.snapshots:
            source = self.snapshots[kwargs["snapshot_id"]]
            encrypted, kms_key_id = encrypted or source.encrypted, kms_key_id or source.kms_key_id
        if encrypted or self.ebs_encryption_by_default:
            encrypted, (kms_key_id, _problem) = True, keys.check(self, kms_key_id)
        return create_volume(self, *args, encrypted=encrypted, kms_key_id=kms_key_id, **kwargs)

    def of_volume(self, volume_id: str, *args, **kwargs):
        snapshot = create_snapshot(self, volume_id, *args, **kwargs)
        snapshot.kms_key_id = snapshot.volume.kms_key_id if snapshot.encrypted else None
        return snapshot

    EBSBackend.create_volume, EBSBackend.create_snapshot = with_key, of_volume
