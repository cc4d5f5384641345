"""What tests and people may set at run time, and the one lock. Plain data; the HTTP for it is in admin.py."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

# One call at a time: moto's own structures are not safe to change from two threads, and checks such as "this name
# is free" must not be overtaken. Calls take under a millisecond; waiting for ministack is done outside it.
LOCK = threading.RLock()


@dataclass
class State:
    account: str = "000000000000"
    # Where ministack listens; events, KMS keys and identities come from there. None: EC2 alone.
    ministack: str | None = None
    pending_seconds: float = 2.0
    # How long instances that are launched or started from now on are pending.
    instance_pending_seconds: float = 0.0
    # Accounts, organizations and units that EC2 refuses to share with: closed, deleted.
    closed_targets: set[str] = field(default_factory=set)
    # Each entry {"action", "region" or None, "message"} makes one image, accepted as usual, end as failed.
    fail_next: list[dict[str, Any]] = field(default_factory=list)
    # Region (None: all) -> for how long new images stay out of DescribeImages.
    hide_seconds: dict[str | None, float] = field(default_factory=dict)
    dropped_detail_types: set[str] = field(default_factory=set)
    duplicated_detail_types: set[str] = field(default_factory=set)
    # By default tags given at creation do not
    # (aws-behaviour.md#tags-given-at-creation-send-no-event).
    creation_tags_emit: bool = False
    # aws-behaviour.md#fifteen-seconds-between-snapshots-of-a-volume. Off by default: demos would
    # wait.
    snapshot_gap_seconds: float = 0.0
    # Organization and OU ARNs, and the accounts in them; sharing with an ARN reaches nobody else.
    organizations: dict[str, list[str]] = field(default_factory=dict)
    # Ask ministack's IAM about every call (its --auth).
    authorize: bool = False
    # The last events, sent or dropped, newest last.
    log: deque = field(default_factory=lambda: deque(maxlen=5000))

    def take_failure(self, action: str, region: str) -> str | None:
        for entry in self.fail_next:
            if entry["action"] == action and entry.get("region") in (None, region):
                self.fail_next.remove(entry)
                return entry.get("message") or "Client.InternalError: the local EC2 was told to fail this image"
        return None

    def hidden_for(self, region: str) -> float:
        return self.hide_seconds.get(region, self.hide_seconds.get(None, 0.0))


STATE = State()
