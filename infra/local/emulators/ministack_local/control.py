"""The side door: `/_local/*` on ministack's own port, for the gateway, the EC2 emulator and tests.

Nothing here is signed or checked. It is safe because the port is bound to 127.0.0.1 and the gateway forwards
only AWS calls.
"""

import json
from urllib.parse import parse_qs

from ministack import app as ministack_app
from ministack.core import iam_evaluator
from ministack.core.responses import request_scope, set_request_account_id, get_account_id
from ministack.services import kms, sts

from ministack_local import buses, functions


class Refused(Exception):
    """Answered as 400 with the text."""


def health(_request: dict) -> dict:
    return {"status": "ok"}


def events(request: dict) -> dict:
    """One event, or {"events": [...]}: see buses.emit."""
    return {"ids": [buses.emit(event) for event in request.get("events", [request])]}


def identity(request: dict) -> dict:
    """Whom an access key id belongs to. Keys of 12 digits are accounts; of a function, its session; of a
    user made through IAM, that user; all others are the default account's root."""
    key = request["access_key"]
    account = iam_evaluator.find_iam_access_key_account(key)
    if account is None:
        set_request_account_id(key)
        account = get_account_id()
    with request_scope(account, "us-east-1"):
        found = iam_evaluator.resolve_credential(key, account)
    session = sts._sessions.get(key) or {}
    arn = getattr(found, "principal_arn", f"arn:aws:iam::{account}:root")
    return {"account": account, "arn": arn, "function": session.get("FunctionName")}


def kms_key(request: dict) -> dict:
    """What a key id, key ARN, alias name or alias ARN stands for in that account and Region."""
    with request_scope(request["account"], request["region"]):
        key = kms._resolve_key(request["key"])
        if key is None:
            return {"found": False}
        return {"found": True, "arn": key["Arn"], "state": key["KeyState"], "spec": key.get("KeySpec", "")}


def authorize(request: dict) -> dict:
    """Would IAM let this caller do all of this? Asked by the EC2 emulator for its own calls when `--auth` is on. The
    signature is not checked again here."""
    key, account, region = request["access_key"], identity(request)["account"], request["region"]
    with request_scope(account, region):
        for check in request["checks"]:
            action, resource = check["action"], check["resource"]
            # To IAM a condition key with an empty list of values is not there; to ministack's `Null` it is.
            context = {name: value for name, value in check.get("context", {}).items() if value not in (None, [])}
            denied = iam_evaluator.enforce(key, action, action.split(":")[0], region, resource, context)
            if denied:
                arn = getattr(denied, "principal_arn", "") or key
                return {"allowed": False, "principal": arn, "action": action, "resource": resource}
    return {"allowed": True}


def list_functions(_request: dict) -> dict:
    return {"functions": functions.running()}


def fire(request: dict) -> dict:
    """{"name": part of a schedule's name, "region", "account"}: fires it now."""
    fired = buses.fire_schedule(request["region"], request.get("account", "000000000000"), request["name"])
    if not fired:
        raise Refused(f"no schedule has {request['name']!r} in its name")
    return {"fired": fired}


def refuse_events(request: dict) -> dict:
    """{"places": of entries, "calls"}: see buses.refuse_entries."""
    buses.refuse_entries(request["places"], request.get("calls", 1))
    return {}


ROUTES = {
    "/_local/health": health,
    "/_local/events": events,
    "/_local/events/refuse": refuse_events,
    "/_local/identity": identity,
    "/_local/kms-key": kms_key,
    "/_local/authorize": authorize,
    "/_local/functions": list_functions,
    "/_local/schedules/fire": fire,
}


async def app(scope, receive, send):
    """ministack's own application, with the side door in front."""
    if scope["type"] != "http" or not scope["path"].startswith("/_local/"):
        await ministack_app.app(scope, receive, send)
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    request = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
    status, answer = 200, {}
    try:
        request.update(json.loads(body or b"{}"))
        # Run on the event loop, like every other change: queues have no lock of their own.
        answer = ROUTES[scope["path"]](request)
    except KeyError as error:
        status, answer = 400, {"error": f"not known or missing: {error}"}
    except (Refused, ValueError) as error:
        status, answer = 400, {"error": str(error)}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
