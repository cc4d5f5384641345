"""A share of a core for one process, by a control group: version 2, or 1 where that one has the cpu controller."""

import os
import pathlib

# AWS documents no period. The kernel's own, 100 ms, would hide the pauses in one press.
PERIOD_US = 20_000
# The kernel takes no less.
QUOTA_US_MIN = 1_000
NAME = f"amiline-cold-start-{os.getpid()}"


class NoQuota:
    """Where this user may not make a control group."""

    how = None

    def admit(self, pid: int) -> None:
        pass

    def limit(self, share: float | None) -> None:
        pass

    def remove(self) -> None:
        pass


class ControlGroup:
    """A control group of our own."""

    def __init__(self, directory: pathlib.Path, version: int):
        self.how = f"control group, version {version}"
        self._directory, self._version = directory, version
        directory.mkdir()

    def admit(self, pid: int) -> None:
        self._write("cgroup.procs", str(pid))

    def limit(self, share: float | None) -> None:
        """Limits its processes to this share of a core, or lifts the limit."""
        quota = None if share is None else max(int(share * PERIOD_US), QUOTA_US_MIN)
        if self._version == 2:
            self._write("cpu.max", f"{quota or 'max'} {PERIOD_US}")
        else:
            self._write("cpu.cfs_period_us", str(PERIOD_US))
            self._write("cpu.cfs_quota_us", str(quota or -1))

    def remove(self) -> None:
        # Processes that have just ended are still in it for a moment; an empty one that stays does no harm.
        try:
            self._directory.rmdir()
        except OSError:
            pass

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text)


def candidates() -> list[tuple[pathlib.Path, int]]:
    """Groups that may get a child with a limit: this process's own and those above it, the nearest first."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    unified = [pathlib.Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    cpu = [pathlib.Path(mount[1]) for mount in mounts if mount[2] == "cgroup" and "cpu" in mount[3].split(",")]
    found = []
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            roots, version = unified, 2
        elif "cpu" in controllers.split(","):
            roots, version = cpu, 1
        else:
            continue
        own = pathlib.PurePosixPath(path)
        found += [(root / str(group).lstrip("/"), version) for root in roots for group in (own, *own.parents)]
    return found


def make(pid: int) -> ControlGroup | NoQuota:
    """A group that takes processes like this one, or the note that there is none."""
    for directory, version in candidates():
        try:
            if version == 2 and "cpu" not in (directory / "cgroup.subtree_control").read_text().split():
                continue
            group = ControlGroup(directory / NAME, version)
        except OSError:
            continue
        try:
            group.limit(None)
            group.admit(pid)
            return group
        except OSError:
            group.remove()
    return NoQuota()
