"""Events that EC2 sends: their exact shapes and the thread that delivers them
(aws-behaviour.md#ami-state-change-events, aws-behaviour.md#tag-change-events,
aws-behaviour.md#instance-states).

Delivery is one thread and one queue: calls never wait for it, and the order is the order things happened in. Real
events keep no order and may be lost; tests ask for that (`drop-events`, `duplicate-events`).
"""

import queue
import sys
import threading
import time
import uuid

from . import ministack
from .state import STATE

_queue: queue.Queue = queue.Queue()
# Counts changes of tags per resource (aws-behaviour.md#tag-change-events).
_versions: dict[tuple[str, str, str], int] = {}

_TAGGED = {"i": "instance", "ami": "image", "snap": "snapshot", "vol": "volume"}


def image_changed(image, state: str, request_id: str, message: str = "") -> None:
    # Image ARNs have no account, keys are PascalCase and ErrorMessage is never absent
    # (aws-behaviour.md#ami-state-change-events).
    detail = {"RequestId": request_id, "ImageId": image.id, "State": state, "ErrorMessage": message}
    arn = f"arn:aws:ec2:{image.region}::image/{image.id}"
    _send(image.owner_id, image.region, "aws.ec2", "EC2 AMI State Change", [arn], detail)


def instance_changed(backend, instance_id: str, state: str) -> None:
    arn = f"arn:aws:ec2:{backend.region_name}:{backend.account_id}:instance/{instance_id}"
    detail = {"instance-id": instance_id, "state": state}
    kind = "EC2 Instance State-change Notification"
    _send(backend.account_id, backend.region_name, "aws.ec2", kind, [arn], detail)


def tags_changed(backend, resource_id: str, keys: list[str], creating: bool = False) -> None:
    """`tags` is the whole set after the change; deleted keys are only in changed-tag-keys
    (aws-behaviour.md#tag-change-events)."""
    kind = _TAGGED.get(resource_id.split("-", 1)[0])
    if kind is None or not keys or (creating and not STATE.creation_tags_emit):
        return
    account, region = backend.account_id, backend.region_name
    version = _versions[account, region, resource_id] = _versions.get((account, region, resource_id), 0) + 1
    # Image and snapshot ARNs of EC2 have no account; only the instance's form is documented for this event, so
    # whether an image's has one here is not documented (aws-behaviour.md#tag-change-events).
    owner = account if kind in ("instance", "volume") else ""
    detail = {
        "changed-tag-keys": sorted(keys),
        "tags": dict(backend.tags.get(resource_id, {})),
        "service": "ec2",
        "resource-type": kind,
        "version": version,
    }
    arn = f"arn:aws:ec2:{region}:{owner}:{kind}/{resource_id}"
    _send(account, region, "aws.tag", "Tag Change on Resource", [arn], detail)


def _send(account: str, region: str, source: str, kind: str, resources: list[str], detail: dict) -> None:
    event = {
        "id": str(uuid.uuid4()),
        "account": account,
        "region": region,
        "source": source,
        "detail-type": kind,
        "resources": resources,
        "time": int(time.time()),
        "detail": detail,
    }
    dropped = kind in STATE.dropped_detail_types
    STATE.log.append({"dropped": dropped, **event})
    if dropped or STATE.ministack is None:
        return
    _queue.put(event)
    if kind in STATE.duplicated_detail_types:
        _queue.put(event)


def _deliver() -> None:
    while True:
        event = _queue.get()
        for attempt in range(5):
            try:
                ministack.ask("/_local/events", event)
                break
            except OSError as problem:
                if attempt == 4:
                    print(f"moto_ec2: event {event['id']} lost: {problem}", file=sys.stderr, flush=True)
                time.sleep(0.2 * (attempt + 1))
        _queue.task_done()


def waiting() -> int:
    return _queue.unfinished_tasks


def start() -> None:
    threading.Thread(target=_deliver, name="events", daemon=True).start()
