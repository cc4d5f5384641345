"""Measures the processes, one after the other, and prints what they took. `__main__.py` starts it."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import Future
from typing import NoReturn

import quota
import report
from endpoint import Call, Endpoint, certificates
from local_aws import LocalAws
from runtime_api import FunctionFailed, RuntimeApi

HERE = pathlib.Path(__file__).resolve().parent
# What Lambda has for a whole core (docs/reference/aws-behaviour.md#lambda-and-processor-time).
MEMORY_OF_A_CORE_MB = 1769
MEASURED = "create-image"
LOG_LINES = 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--warm", type=int, required=True)
    parser.add_argument("--memory", type=int)
    for flag in ("--no-tls", "--no-boto3", "--json"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def cpu_ms(pid: int) -> float:
    """Of all its threads, also those that have ended: clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2) * 1000


def peak_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


class Bench:
    """What all runs share."""

    def __init__(self, given: argparse.Namespace):
        self._given = given
        self._state = json.loads((given.scratch / "state.json").read_text())
        self.functions = list(self._state["functions"])
        self._aws = LocalAws(self._state)
        self._aws.quiet()
        tls, self._roots = certificates(given.scratch)
        self._endpoint = Endpoint(self._state["endpoint"], None if given.no_tls else tls)
        self._log = given.scratch / "measured.log"
        self.memory = given.memory or self._aws.function(MEASURED)["MemorySize"]
        self.share = self.memory / MEMORY_OF_A_CORE_MB

    def environment(self, function: str, runtime_api: str) -> dict[str, str]:
        """As Lambda gives it, with our endpoint, and nothing of the environment of this program."""
        configuration = self._aws.function(function)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._given.scratch),
            "LAMBDA_TASK_ROOT": str(self._given.scratch),
            "_HANDLER": "bootstrap",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "cold-start",
            "AWS_LAMBDA_LOG_STREAM_NAME": "cold-start",
            "AWS_REGION": self._aws.region,
            "AWS_DEFAULT_REGION": self._aws.region,
            "AWS_ACCESS_KEY_ID": self._state["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self._state["secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._endpoint.url,
            "SSL_CERT_FILE": str(self._roots),
            "AWS_CA_BUNDLE": str(self._roots),
            **configuration["Environment"]["Variables"],
            # Every press of the measurement is accepted.
            "AMILINE_MAX_IMAGES_PER_HOUR": "1000000",
        }

    def run(self, function: str, command: list[str], presses: int) -> dict:
        """One process: its start, then so many presses under the quota."""
        events = [self._aws.press() for _ in range(presses)]
        api = RuntimeApi(self._aws.function(function)["FunctionArn"])
        environment = self.environment(function, api.address)
        # The process may call before Popen has returned.
        pid: Future[int] = Future()
        self._endpoint.watch(lambda: cpu_ms(pid.result()))
        began = time.perf_counter()
        with open(self._log, "wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        pid.set_result(process.pid)
        api.serve(process)
        group = quota.make(process.pid)
        try:
            start = self._phase(0.0, (api.polled() - began) * 1000, process.pid)
            group.limit(self.share)
            pressed = [self._press(api, process.pid, event) for event in events]
            return {"start": start, "presses": pressed, "peak_mib": peak_mib(process.pid), "quota": group.how}
        finally:
            group.limit(None)
            process.kill()
            process.wait()
            api.close()
            group.remove()

    def fail(self, function: str, problem: Exception) -> NoReturn:
        log = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        sys.exit("\n".join([f"error: {function}: {problem}. The end of its log:", *log]))

    def _press(self, api: RuntimeApi, pid: int, event: dict) -> dict:
        before = cpu_ms(pid)
        wall_ms = api.invoke(event) * 1000
        # What the process does between its answer and its next poll is part of the press.
        api.polled()
        return self._phase(before, wall_ms, pid)

    def _phase(self, before: float, wall_ms: float, pid: int) -> dict:
        after, seen = cpu_ms(pid), self._endpoint.take()
        steps, last = [], before
        if seen.connections:
            steps.append({"to": "first connection", "cpu_ms": seen.connected_cpu_ms - before, "waiting_ms": 0.0})
            last = seen.connected_cpu_ms
        for call in sorted(seen.calls, key=lambda call: call.began):
            waiting = (call.ended - call.began) * 1000
            steps.append({"to": call.name, "cpu_ms": call.cpu_ms - last, "waiting_ms": waiting})
            last = call.cpu_ms
        steps.append({"to": "next poll", "cpu_ms": after - last, "waiting_ms": 0.0})
        return {
            "wall_ms": wall_ms,
            "waiting_ms": waiting_ms(seen.calls),
            "cpu_ms": after - before,
            "calls": [call.name for call in seen.calls],
            "connections": seen.connections,
            "steps": steps,
        }


def waiting_ms(calls: list[Call]) -> float:
    """The time in which the local AWS had a call to answer. Calls at the same time count once."""
    total, until = 0.0, 0.0
    for call in sorted(calls, key=lambda call: call.began):
        total += max(0.0, call.ended - max(call.began, until))
        until = max(until, call.ended)
    return total * 1000


def main() -> None:
    given = arguments()
    load = os.getloadavg()[0]
    bench = Bench(given)
    binaries = given.scratch / "binaries"
    measured = {MEASURED: (MEASURED, [str(binaries / f"amiline-{MEASURED}")], 1 + given.warm)}
    if not given.no_boto3:
        measured["boto3"] = (MEASURED, [sys.executable, "-B", str(HERE / "boto3_function.py")], 1 + given.warm)
    measured |= {name: (name, [str(binaries / f"amiline-{name}")], 0) for name in bench.functions if name != MEASURED}
    results: dict[str, list[dict]] = {name: [] for name in measured}
    for number in range(given.runs + 1):
        for name, (function, command, presses) in measured.items():
            try:
                result = bench.run(function, command, presses)
            except FunctionFailed as problem:
                bench.fail(name, problem)
            # The first of each fills the caches of files.
            if number:
                results[name].append(result)
        print(f"run {number} of {given.runs}", file=sys.stderr)
    about = report.about(bench.memory, bench.share, not given.no_tls, given.runs, given.warm, load)
    print(json.dumps({"about": about, "runs": results}, indent=1) if given.json else report.text(about, results))


main()
