"""EventBridge: events that only AWS itself may send, buses of other Regions, and events that a bus refuses.

PutEvents refuses `aws.*` sources, as AWS does, so the EC2 emulator's events come in through `emit`. A bus
target in another Region is dropped by ministack; here it is delivered in process, because the template for
other Regions (a rule whose target is the home Region's inbound bus) has to be part of what is tested.
"""

import json
import time
import uuid

from ministack.core.responses import get_account_id, get_region, json_response, request_scope
from ministack.services import eventbridge, scheduler

_here = eventbridge._dispatch_to_event_bus
_put = eventbridge._put_events
_invoke = eventbridge._invoke_target


def emit(event: dict) -> str:
    """Puts one event on a bus as AWS would. Account and Region are the event's own, whoever calls."""
    record = {
        "EventId": event.get("id") or str(uuid.uuid4()),
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event.get("detail", {})),
        "EventBusName": event.get("bus", "default"),
        "Time": int(event.get("time") or time.time()),
        "Resources": event.get("resources", []),
        "Account": event["account"],
        "Region": event["region"],
    }
    with request_scope(event["account"], event["region"]):
        eventbridge._ensure_default_bus()
        eventbridge._events_log_list().append(record)
        view = eventbridge._pattern_event_view(record)
        eventbridge._dispatch_event(record, view)
        eventbridge._archive_event(record, view)
    return record["EventId"]


def _to_bus(spec, event, rule, event_path, target_input_payload=None):
    """A rule's bus target. The delivered event keeps the Region and account it happened in; AWS does not
    pass on what already came from another account or Region
    (aws-behaviour.md#forwarded-events-are-not-forwarded-again)."""
    elsewhere = (spec.account_id, spec.region) != (get_account_id(), get_region())
    if elsewhere and event.get("_FromElsewhere"):
        eventbridge.logger.warning("EventBridge -> %s: not forwarded a second time", spec)
        return
    if not elsewhere:
        _here(spec, event, rule, event_path, target_input_payload)
        return
    name = spec.resource.removeprefix("event-bus/")
    with request_scope(spec.account_id, spec.region):
        eventbridge._ensure_default_bus()
        if name not in eventbridge._event_buses:
            eventbridge.logger.warning("EventBridge -> %s: no such bus", spec)
            return
        # `Region` and `Account` stay as they are: the receiver's rules match on where it happened.
        forwarded = {**event, "EventBusName": name, "_FromElsewhere": True, "_DispatchPath": []}
        if target_input_payload is not None:
            forwarded["Detail"] = target_input_payload
        eventbridge._dispatch_event(forwarded)


def _to_target(target, event, rule, view=None):
    """EventBridge Scheduler's context attributes in Input, which ministack passes on as written
    (aws-behaviour.md#eventbridge-scheduler-fills-in-its-input)."""
    text = target.get("Input")
    if event.get("Source") == "aws.scheduler" and text and "<aws.scheduler." in text:
        values = {
            "schedule-arn": (event.get("Resources") or [""])[0],
            "scheduled-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"])),
            "execution-id": event["EventId"],
            "attempt-number": "1",
        }
        for name, value in values.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        target = {**target, "Input": text}
    _invoke(target, event, rule, view)


# Of each PutEvents call to come, the places of the entries that it refuses.
_refusals: list[set[int]] = []


def refuse_entries(places: list[int], calls: int) -> None:
    """The next calls of PutEvents refuse the entries at these places, as EventBridge does when it cannot take them for
    the moment: the call succeeds, and each of them has an error."""
    _refusals.extend(set(places) for _ in range(calls))


def _put_events(data, allow_aws_source=False):
    entries = data.get("Entries") or []
    if not _refusals or not entries:
        return _put(data, allow_aws_source)
    refused = _refusals.pop(0)
    taken = [entry for place, entry in enumerate(entries) if place not in refused]
    status, headers, body = _put({**data, "Entries": taken}, allow_aws_source)
    answer = json.loads(body)
    if status >= 400:
        return status, headers, body
    ends = iter(answer["Entries"])
    failure = {"ErrorCode": "InternalFailure", "ErrorMessage": "The event could not be taken."}
    answer["Entries"] = [failure if place in refused else next(ends) for place in range(len(entries))]
    answer["FailedEntryCount"] += len(entries) - len(taken)
    return json_response(answer)


def fire_schedule(region: str, account: str, name: str) -> list[str]:
    """Fires schedules whose name contains `name` at once, so that a test need not wait for the clock."""
    fired = []
    for (owner, where, key), schedule in list(scheduler._schedules._data.items()):
        if (owner, where) != (account, region) or name not in key:
            continue
        event = {
            "EventId": str(uuid.uuid4()),
            "Source": "aws.scheduler",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "Time": int(time.time()),
            "Resources": [schedule.get("Arn", "")],
            "Account": account,
            "Region": region,
        }
        with request_scope(account, region):
            eventbridge._invoke_target(schedule["Target"], event, schedule)
        fired.append(key)
    return fired


def install(tick_seconds: float) -> None:
    eventbridge._dispatch_to_event_bus = _to_bus
    eventbridge._invoke_target = _to_target
    eventbridge._put_events = _put_events
    # Both sweeps sleep ten seconds by default, which is the resolution a watcher would see.
    eventbridge._SCHEDULER_TICK_INTERVAL = tick_seconds
    scheduler._SCHEDULE_TICK_INTERVAL = tick_seconds
