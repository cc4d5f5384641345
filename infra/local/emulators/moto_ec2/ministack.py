"""Calls to ministack's side door (see ministack_local/control.py)."""

import json
import threading
import urllib.request

from .state import STATE

# Function keys never change hands, so an answer about one may be kept; "not found" may change and is not kept.
_identities: dict[str, dict] = {}
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_local = threading.local()


def ask(path: str, request: dict) -> dict:
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{STATE.ministack}{path}", body, {"Content-Type": "application/json"})
    with _opener.open(call, timeout=10) as answer:
        return json.load(answer)


def account_of(access_key: str) -> str:
    """12 digits are an account. All other keys are looked up, as ministack would: a function's or user's
    account, and the default account for any other text."""
    if len(access_key) == 12 and access_key.isdigit():
        return access_key
    if STATE.ministack is None or not access_key.startswith(("ASIA", "AKIA")):
        return STATE.account
    if access_key not in _identities:
        try:
            found = ask("/_local/identity", {"access_key": access_key})
        except OSError:
            return STATE.account
        if found["arn"].endswith(":root"):
            return found["account"]
        _identities[access_key] = found
    return _identities[access_key]["account"]


def allowed(access_key: str, region: str, checks: list[dict]) -> dict:
    """Whether IAM allows every check (see conditions.py); if not, whom and what it refused."""
    return ask("/_local/authorize", {"access_key": access_key, "region": region, "checks": checks})


def key(account: str, region: str, name: str) -> dict:
    """{"found", "arn", "state"} of a key id, key ARN, alias name or alias ARN, as seen from that Region. An ARN
    of another Region is not found, since keys do not leave their Region."""
    if STATE.ministack is None:
        arn = name if name.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{name}"
        return {"found": True, "arn": arn, "state": "Enabled"}
    owner = account
    if name.startswith("arn:"):
        parts = name.split(":")
        if len(parts) < 6 or parts[3] != region:
            return {"found": False}
        # A key of another account may be named by its ARN.
        owner = parts[4]
    try:
        return ask("/_local/kms-key", {"account": owner, "region": region, "key": name})
    except OSError as problem:
        return {"found": False, "error": str(problem)}
