"""The measurement for people: medians, the calls, and the machine."""

import collections
import datetime
import os
import pathlib
import platform
import statistics

COLUMNS = ("wall ms", "waiting ms", "CPU ms", "least CPU", "calls", "connections", "CPU a call")


def about(memory: int, share: float, tls: bool, runs: int, warm: int, load: float) -> dict:
    cpu = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in cpu if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release().split("-")[0],
        "load_before": load,
        "memory_mb": memory,
        "share_of_a_core": share,
        "tls": tls,
        "runs": runs,
        "warm": warm,
    }


def text(about: dict, results: dict[str, list[dict]]) -> str:
    lines = [introduction(about, results), "", line("", "", COLUMNS)]
    for name, runs in results.items():
        lines += rows(name, runs)
    lines += ["", "Where create-image spends it, step by step:", *steps(results["create-image"]), *difference(results)]
    return "\n".join(lines)


def line(name: str, what: str, cells) -> str:
    return f"{name:17} {what:19}" + "".join(f"{cell:>12}" for cell in cells).rstrip()


def introduction(about: dict, results: dict[str, list[dict]]) -> str:
    how = {run["quota"] for runs in results.values() for run in runs}
    share = f"{about['share_of_a_core']:.1%} of a core after the start, as {about['memory_mb']} MB have on Lambda"
    if None in how:
        share = (
            "NO QUOTA: this user may not make a control group with a CPU limit. Every phase had a whole core, so "
            "only CPU times count. Run it as root, or with `systemd-run --user --scope -p Delegate=yes`"
        )
    else:
        share += f" ({', '.join(sorted(how))})"
    return (
        f"{about['date']}; {about['processor']}, {about['cores']} cores, Linux {about['kernel']}, "
        f"load {about['load_before']:.1f} before.\n{share}.\n"
        f"Calls {'over TLS' if about['tls'] else 'WITHOUT TLS'}. Medians of {about['runs']} cold starts, "
        f"each with {about['warm']} warm presses."
    )


def rows(name: str, runs: list[dict]) -> list[str]:
    starts = [run["start"] for run in runs]
    lines = [row(name, "start to first poll", starts)]
    firsts = [run["presses"][0] for run in runs if run["presses"]]
    if firsts:
        both = [added(start, first) for start, first in zip(starts, firsts)]
        warm = [press for run in runs for press in run["presses"][1:]]
        lines += [row("", "first press", firsts), row("", "both together", both), row("", "warm press", warm)]
    peak = statistics.median(run["peak_mib"] for run in runs)
    return [*lines, line("", "peak memory", [f"{peak:.1f} MiB"])]


def added(start: dict, press: dict) -> dict:
    fields = ("wall_ms", "waiting_ms", "cpu_ms", "calls", "connections")
    return {field: start[field] + press[field] for field in fields}


def row(name: str, what: str, phases: list[dict]) -> str:
    def median(field: str) -> float:
        return statistics.median(phase[field] for phase in phases)

    cpu = median("cpu_ms")
    count = statistics.median(len(phase["calls"]) for phase in phases)
    connections = median("connections")
    least = min(phase["cpu_ms"] for phase in phases)
    each = f"{cpu / count:.2f}" if count else ""
    cells = [f"{median('wall_ms'):.1f}", f"{median('waiting_ms'):.1f}", f"{cpu:.1f}", f"{least:.1f}"]
    cells += [f"{count:g}", f"{connections:g}", each]
    return line(name, what, cells)


def steps(runs: list[dict]) -> list[str]:
    """The processor time up to each call since the one before, and the time that the local AWS took for it."""
    phases = {
        "start": [at_once(run["start"]) for run in runs],
        "first press": [run["presses"][0]["steps"] for run in runs],
        "warm press": [press["steps"] for run in runs for press in run["presses"][1:]],
    }
    lines = [f"{'':49}{'CPU ms':>12}{'waiting ms':>12}"]
    for name, measured in phases.items():
        # A policy that was read half a minute ago is read again, which makes another press.
        names = [step["to"] for step in measured[0]]
        alike = [steps for steps in measured if [step["to"] for step in steps] == names]
        for number, to in enumerate(names):
            cpu = statistics.median(steps[number]["cpu_ms"] for steps in alike)
            waiting = statistics.median(steps[number]["waiting_ms"] for steps in alike)
            lines.append(f"{'' if number else name:17} {to:31}{cpu:12.2f}{waiting:12.1f}")
    return lines


def at_once(start: dict) -> list[dict]:
    """The calls of a start leave together and arrive in any order: one step for all of them."""
    first, *calls, last = start["steps"]
    together = {
        "to": f"{len(calls)} connections and calls",
        "cpu_ms": sum(call["cpu_ms"] for call in calls),
        "waiting_ms": start["waiting_ms"],
    }
    return [first, together, last]


def difference(results: dict[str, list[dict]]) -> list[str]:
    """Both sides have to make the same calls, but for those by which `create-image` opens its connections."""
    if "boto3" not in results:
        return []
    ours, theirs = results["create-image"][-1], results["boto3"][-1]
    pairs = {
        "first": (ours["presses"][0]["calls"] + ["ssm:GetParameter"], theirs["presses"][0]["calls"]),
        "warm": (ours["presses"][-1]["calls"], theirs["presses"][-1]["calls"]),
    }
    return [
        f"boto3 makes other calls in its {which} press. Bring boto3_function.py up to date."
        for which, (one, other) in pairs.items()
        if collections.Counter(one) != collections.Counter(other)
    ]
