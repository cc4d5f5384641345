"""DynamoDB streams to functions: what ministack leaves out of the mapping.

ministack runs the function on the thread that polls everything, so a slow consumer stops all queues, and it
ignores ReportBatchItemFailures, MaximumRetryAttempts and BisectBatchOnFunctionError: one poison record would be
retried for ever. This replaces its poll by one batch in flight per mapping, beside the poll.
"""

import json
import time
from dataclasses import dataclass

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.concurrency import esm_wake, spawn_background
from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

RETRY_SECONDS = 1.0


@dataclass
class Progress:
    busy: bool = False
    attempts: int = 0
    not_before: float = 0.0
    # After a split: how many records at once, and until which position.
    limit: int | None = None
    split_until: int = 0


_progress: dict[str, Progress] = {}


def poll() -> bool:
    started = False
    for account, region, esm in lambda_svc._iter_all_esms():
        with request_scope(account, region):
            started = _start(account, region, esm) or started
    return started


def _start(account: str, region: str, esm: dict) -> bool:
    try:
        source = parse_arn(esm.get("EventSourceArn", ""))
    except ArnParseError:
        return False
    if source.service != "dynamodb" or not esm.get("Enabled", True):
        return False
    name = lambda_svc._dynamodb_stream_table_from_arn_spec(source)
    function, _config = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], esm.get("Qualifier"))
    if name is None or function is None:
        return False
    table = dynamodb._tables.get(name[0])
    progress = _progress.setdefault(esm["UUID"], Progress())
    if not table or table.get("LatestStreamArn") != str(source) or progress.busy or progress.not_before > time.time():
        return False
    position = max(_position(esm, name[0]), dynamodb.stream_start_position(name[0]))
    if position >= progress.split_until:
        progress.limit = None
    size = progress.limit or int(esm.get("BatchSize", 100))
    records = dynamodb.stream_records_since(name[0], position, size)
    if not records:
        return False
    wanted = lambda_svc._apply_filter_criteria(records, esm)
    if not wanted:
        _advance(esm, position + len(records), progress)
        return True
    progress.busy = True
    spawn_background(_run, account, region, esm, function, position, records, wanted, progress)
    return True


def _position(esm: dict, table: str) -> int:
    with lambda_svc._dynamodb_stream_positions_lock:
        positions = lambda_svc._dynamodb_stream_positions
        if esm["UUID"] not in positions:
            from_start = esm.get("StartingPosition") == "TRIM_HORIZON"
            start = dynamodb.stream_start_position if from_start else dynamodb.stream_end_position
            positions[esm["UUID"]] = start(table)
        return positions[esm["UUID"]]


def _advance(esm: dict, position: int, progress: Progress) -> None:
    progress.attempts, progress.not_before = 0, 0.0
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[esm["UUID"]] = position


def _run(account, region, esm, function, position, records, wanted, progress) -> None:
    try:
        with request_scope(account, region):
            result = lambda_svc._execute_function(function, {"Records": wanted})
            failed = _first_failed(esm, records, result)
            if failed is None:
                _advance(esm, position + len(records), progress)
                return
            if failed > 0:
                # All before the first failed record is done, and is not sent again.
                _advance(esm, position + failed, progress)
            _failed(esm, function, position + failed, records[failed:], result, progress)
    finally:
        progress.busy = False
        esm_wake.set()


def _first_failed(esm: dict, records: list[dict], result: dict) -> int | None:
    """Where in the batch the first failed record is; None if there is none."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in esm.get("FunctionResponseTypes", []):
        return None
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    failures = (body or {}).get("batchItemFailures") or [] if isinstance(body, dict) else []
    sequence = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    # An identifier that is not in the batch counts as a failure of all of it, as AWS documents.
    return min((sequence.get(one.get("itemIdentifier"), 0) for one in failures), default=None)


def _failed(esm, function, position: int, records: list[dict], result: dict, progress: Progress) -> None:
    if esm.get("BisectBatchOnFunctionError") and len(records) > 1:
        # A split does not count as a retry.
        progress.split_until = max(progress.split_until, position + len(records))
        progress.limit = len(records) // 2
        return
    progress.attempts += 1
    condition = None
    allowed, age = int(esm.get("MaximumRetryAttempts", -1)), int(esm.get("MaximumRecordAgeInSeconds", -1))
    if 0 <= allowed < progress.attempts:
        condition = "RetryAttemptsExhausted"
    oldest = float(records[0]["dynamodb"].get("ApproximateCreationDateTime", time.time()))
    if age > 0 and time.time() - oldest > age:
        condition = "MaxRecordAgeExceeded"
    if condition is None:
        progress.not_before = time.time() + RETRY_SECONDS
        return
    arn = esm["EventSourceArn"]
    lambda_svc._send_ddb_stream_failure_record(esm, function, records, arn, result, condition)
    _advance(esm, position + len(records), progress)


def install() -> None:
    lambda_svc._poll_dynamodb_streams = poll
