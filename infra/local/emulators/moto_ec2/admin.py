"""`/_local/*`: health, and what tests set. JSON in, JSON out; the README lists them."""

import json
from dataclasses import asdict

from werkzeug.wrappers import Request, Response

from . import copies, events, images, model, timers
from .state import LOCK, STATE, State


def health(_request: dict) -> dict:
    return {"status": "ok"}


def settings(_request: dict) -> dict:
    shown = {name: value for name, value in asdict(STATE).items() if name != "log"}
    shown["dropped_detail_types"] = sorted(STATE.dropped_detail_types)
    shown["closed_targets"] = sorted(STATE.closed_targets)
    shown["duplicated_detail_types"] = sorted(STATE.duplicated_detail_types)
    return shown


def pending(request: dict) -> dict:
    STATE.pending_seconds = float(request["seconds"])
    return {}


def instance_pending(request: dict) -> dict:
    STATE.instance_pending_seconds = float(request["seconds"])
    return {}


def close_target(request: dict) -> dict:
    STATE.closed_targets.add(request["target"])
    return {}


def fail_next(request: dict) -> dict:
    known = ("CreateImage", "CopyImage", "RegisterImage", "DeleteAssociatedSnapshot")
    if request["action"] not in known:
        raise ValueError(f"action must be one of {known}")
    for _ in range(int(request.get("count", 1))):
        STATE.fail_next.append({name: request.get(name) for name in ("action", "region", "message")})
    return {}


def hide_images(request: dict) -> dict:
    STATE.hide_seconds[request.get("region")] = float(request["seconds"])
    return {}


def drop_events(request: dict) -> dict:
    STATE.dropped_detail_types = set(request["detail_types"])
    return {}


def duplicate_events(request: dict) -> dict:
    STATE.duplicated_detail_types = set(request["detail_types"])
    return {}


def creation_tags(request: dict) -> dict:
    STATE.creation_tags_emit = bool(request["emit"])
    return {}


def snapshot_gap(request: dict) -> dict:
    STATE.snapshot_gap_seconds = float(request["seconds"])
    return {}


def organization(request: dict) -> dict:
    STATE.organizations[request["arn"]] = list(request["accounts"])
    return {}


def settle(request: dict) -> dict:
    """Ends `pending` of one image now; with "message", as failed."""
    image = model.BY_REGION[request["region"]][request["image_id"]]
    if "message" in request:
        images.settle_now(image, request["message"])
    else:
        image.settle()
    return {"state": image.state}


def lose_image(request: dict) -> dict:
    """Makes an image vanish without an event, as if somebody had deregistered it and the event was lost."""
    with LOCK:
        model.forget(model.BY_REGION[request["region"]][request["image_id"]])
    return {}


def event_log(_request: dict) -> dict:
    return {"events": list(STATE.log), "waiting": events.waiting(), "pending_images": timers.waiting()}


def reset(_request: dict) -> dict:
    """Everything as after the start: no images, instances or settings."""
    from moto.ec2.models import ec2_backends

    with LOCK:
        timers.clear()
        model.clear()
        copies.clear()
        ec2_backends.reset()
        fresh = State(account=STATE.account, ministack=STATE.ministack, authorize=STATE.authorize)
        fresh.pending_seconds = _started["pending_seconds"]
        STATE.__dict__.update(fresh.__dict__)
    return {}


_started: dict = {}
ROUTES = {
    "/_local/health": health,
    "/_local/ec2/settings": settings,
    "/_local/ec2/pending": pending,
    "/_local/ec2/instance-pending": instance_pending,
    "/_local/ec2/close-target": close_target,
    "/_local/ec2/fail-next": fail_next,
    "/_local/ec2/hide-images": hide_images,
    "/_local/ec2/drop-events": drop_events,
    "/_local/ec2/duplicate-events": duplicate_events,
    "/_local/ec2/creation-tags": creation_tags,
    "/_local/ec2/snapshot-gap": snapshot_gap,
    "/_local/ec2/organization": organization,
    "/_local/ec2/settle": settle,
    "/_local/ec2/lose-image": lose_image,
    "/_local/ec2/events": event_log,
    "/_local/ec2/reset": reset,
}


def start() -> None:
    _started["pending_seconds"] = STATE.pending_seconds


def answer(request: Request) -> Response:
    status, result = 200, {}
    try:
        result = ROUTES[request.path](json.loads(request.get_data() or b"{}"))
    except KeyError as missing:
        status, result = 400, {"error": f"not known or missing: {missing}"}
    except (ValueError, TypeError) as problem:
        status, result = 400, {"error": str(problem)}
    return Response(json.dumps(result), status, content_type="application/json")
