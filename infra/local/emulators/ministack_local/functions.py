"""Lambda: who a function is, what it finds in its environment, and where its output goes.

Each function gets temporary credentials of its own role, so that the gateway's log can name the caller and, with
`--auth`, the role's policies are what allows or denies. ministack has this only under `--auth`; here it is always
so. The key id is `ASIA` and the first 16 hex digits, upper case, of SHA-256 over `FUNCTION_ARN:ROLE_ARN`.
"""

import hashlib
import os
import pathlib
import threading

from ministack.core import lambda_runtime
from ministack.core.responses import get_region
from ministack.services import lambda_svc, sts

# What a person's shell has must not leak into a function; these are what a process needs to run at all.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "RUST_BACKTRACE")


def access_key(function_arn: str, role_arn: str) -> str:
    return "ASIA" + hashlib.sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()[:16].upper()


def credentials(config: dict) -> dict[str, str]:
    """Signs the function in as a session of its role, named after the function, as Lambda does."""
    arn, role = config["FunctionArn"], config.get("Role", "")
    name, account = config.get("FunctionName", "unknown"), arn.split(":")[4]
    role_name = role.rsplit("/", 1)[-1]
    key = access_key(arn, role)
    secret = hashlib.sha256(f"secret:{key}".encode()).hexdigest()
    token = hashlib.sha256(f"token:{key}".encode()).hexdigest()
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{name[:64]}",
        "UserId": f"{role_name}:{name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "FunctionName": name,
    }
    sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def running() -> list[dict]:
    """Every deployed function with its key and its processes. A process that is killed is replaced by the
    next invocation; the one it was serving ends as `Runtime.ExitError`, as on AWS."""
    workers: dict[str, list[dict]] = {}
    with lambda_runtime._lock:
        for key, pool in lambda_runtime._workers.items():
            account, region, name, _version = key.split(":", 3)
            found = workers.setdefault(f"arn:aws:lambda:{region}:{account}:function:{name}", [])
            for worker in pool:
                process = worker._proc
                if process is not None and process.poll() is None:
                    found.append({"pid": process.pid, "busy": worker.in_use})
    functions = []
    for record in list(lambda_svc._functions._data.values()):
        config = record["config"]
        arn, role = config["FunctionArn"], config.get("Role", "")
        functions.append(
            {
                "name": config["FunctionName"],
                "arn": arn,
                "role": role,
                "access_key": access_key(arn, role),
                "processes": workers.get(arn, []),
            }
        )
    return functions


def end_all() -> None:
    """Ends every function process; without this they would notice only at their next poll."""
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    for worker in workers:
        process = worker._proc
        if process is not None and process.poll() is None:
            process.kill()


class _Copied:
    """A process's output, written to a file line by line on its way to CloudWatch Logs, which ministack only
    fills when an invocation ends: too late for whoever watches, and never for a process that was killed."""

    _one_writer = threading.Lock()

    def __init__(self, stream, path: pathlib.Path):
        self._stream, self._path = stream, path

    def readline(self) -> bytes:
        line = self._stream.readline()
        if line:
            with self._one_writer, open(self._path, "ab") as log:
                log.write(line)
        return line

    def close(self) -> None:
        self._stream.close()


def install(gateway_url: str, log_directory: str | None) -> None:
    lambda_runtime.execution_credentials = credentials
    lambda_svc.execution_credentials = credentials

    build = lambda_svc._provided_worker_env

    def environment(config: dict, code_dir: str, port: int) -> dict[str, str]:
        built = build(config, code_dir, port)
        ours = set(os.environ) - set(_INHERITED)
        # Drop what came from this process; keep what Lambda or the template set, even under the same name.
        kept = {name: value for name, value in built.items() if name not in ours or value != os.environ[name]}
        kept.update(
            {
                "AWS_ENDPOINT_URL": gateway_url,
                "AWS_REGION": get_region(),
                "AWS_DEFAULT_REGION": get_region(),
                "AWS_EXECUTION_ENV": "AWS_Lambda_" + config.get("Runtime", "provided.al2023"),
                # Without these an SDK's default chain looks for files and for the instance metadata service.
                "AWS_EC2_METADATA_DISABLED": "true",
                "HOME": code_dir,
            }
        )
        return kept

    lambda_svc._provided_worker_env = environment

    if log_directory:
        directory = pathlib.Path(log_directory)
        directory.mkdir(parents=True, exist_ok=True)
        pump = lambda_runtime.ProvidedWorker._pump_output

        def copied(self, stream, log_queue):
            pump(self, _Copied(stream, directory / f"{self.func_name}.log"), log_queue)

        lambda_runtime.ProvidedWorker._pump_output = copied
