"""`python3 tests/bench/cold-start`: what a cold start of the release functions costs, beside boto3.

Starts the local AWS with the release functions, then runs `measure.py` in the Python environment that the local AWS
made, which has boto3. docs/reference/benchmarks.md says what the figures mean.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKSPACE = HERE.parents[2]
# The first start compiles `cargo local` and the AWS SDK.
START_WITHIN_SECONDS = 3600
END_WITHIN_SECONDS = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 tests/bench/cold-start", description=__doc__)
    parser.add_argument(
        "--functions",
        type=pathlib.Path,
        metavar="DIR",
        help="the directory in which `sam build` or `cargo lambda build` wrote the functions "
        "(default: the newest of .aws-sam/build, target/sam/build and target/lambda)",
    )
    parser.add_argument("--runs", type=int, default=10, metavar="N", help="cold starts of each kind (default: 10)")
    parser.add_argument("--warm", type=int, default=5, metavar="N", help="warm presses after each (default: 5)")
    parser.add_argument(
        "--memory", type=int, metavar="MB", help="the memory that gives the share of a core (default: the template's)"
    )
    parser.add_argument("--no-tls", action="store_true", help="calls without TLS, to see what TLS costs")
    parser.add_argument("--no-boto3", action="store_true", help="leave boto3 out")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.add_argument("--local", metavar="PROGRAM", help="a built `amiline-local`, instead of `cargo local`")
    given = parser.parse_args()
    if given.runs < 1 or given.warm < 1:
        parser.error("--runs and --warm are at least 1")
    return given


def binaries_in(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Binary name and file of each function, from `sam build` (`CreateImageFunction/bootstrap`) or `cargo lambda build`
    (`amiline-create-image/bootstrap`)."""
    found = {}
    for file in directory.glob("*/bootstrap"):
        name = file.parent.name
        if name.endswith("Function"):
            name = "amiline" + re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", name.removesuffix("Function"))
        found[name] = file.resolve()
    return found


def binaries(given: pathlib.Path | None) -> dict[str, pathlib.Path]:
    """The release functions: in the directory that was given, or the newest where builds write them."""
    target = WORKSPACE / os.environ.get("CARGO_TARGET_DIR", "target")
    places = [given] if given else [WORKSPACE / ".aws-sam/build", target / "sam/build", target / "lambda"]
    found = [built for place in places if (built := binaries_in(place))]
    if not found:
        looked = ", ".join(str(place) for place in places)
        sys.exit(f"error: no release functions in {looked}. Run `sam build --template infra/template.yaml` first.")
    return max(found, key=lambda built: max(file.stat().st_mtime for file in built.values()))


def start(given: argparse.Namespace, built: dict[str, pathlib.Path], scratch: pathlib.Path) -> subprocess.Popen:
    """Starts the local AWS with these functions, and waits until it has written what is deployed."""
    directory = scratch / "binaries"
    directory.mkdir()
    for name, file in built.items():
        (directory / name).symlink_to(file)
    command = [given.local] if given.local else ["cargo", "local"]
    state = scratch / "state.json"
    options = ["--port", "0", "--binaries", str(directory), "--state", str(state)]
    with open(scratch / "local.log", "wb") as log:
        local = subprocess.Popen(command + options, cwd=WORKSPACE, stdout=log)
    give_up = time.monotonic() + START_WITHIN_SECONDS
    while not state.is_file():
        if local.poll() is not None:
            sys.exit("error: the local AWS did not start; its message is above")
        if time.monotonic() > give_up:
            end(local)
            sys.exit(f"error: the local AWS did not start within {START_WITHIN_SECONDS} s")
        time.sleep(0.1)
    return local


def end(local: subprocess.Popen) -> None:
    local.send_signal(signal.SIGTERM)
    try:
        local.wait(END_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        local.kill()
        local.wait()


def python_of(call_log: str) -> pathlib.Path:
    """The environment of the emulators beside the run's directory."""
    return pathlib.Path(call_log).parents[1] / "venv-moto/bin/python"


def main() -> int:
    given = arguments()
    if sys.platform != "linux":
        sys.exit("error: the release functions run on Linux only")
    built = binaries(given.functions)
    with tempfile.TemporaryDirectory(prefix="amiline-cold-start-") as scratch:
        scratch = pathlib.Path(scratch)
        local = start(given, built, scratch)
        try:
            state = json.loads((scratch / "state.json").read_text())
            command = [str(python_of(state["call_log"])), "-B", str(HERE / "measure.py"), str(scratch)]
            command += ["--runs", str(given.runs), "--warm", str(given.warm)]
            command += ["--memory", str(given.memory)] if given.memory else []
            flags = {"--no-tls": given.no_tls, "--no-boto3": given.no_boto3, "--json": given.json}
            command += [flag for flag, is_set in flags.items() if is_set]
            return subprocess.run(command, check=False).returncode
        finally:
            end(local)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
