"""What happens later: one thread, a heap of due times. Images settle here."""

import heapq
import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable

_due: list[tuple[float, int, Callable[[], None]]] = []
_changed = threading.Condition()
_order = itertools.count()


def after(seconds: float, action: Callable[[], None]) -> None:
    with _changed:
        heapq.heappush(_due, (time.monotonic() + max(0.0, seconds), next(_order), action))
        _changed.notify()


def waiting() -> int:
    with _changed:
        return len(_due)


def clear() -> None:
    with _changed:
        _due.clear()


def _run() -> None:
    while True:
        with _changed:
            while not _due or _due[0][0] > time.monotonic():
                _changed.wait(None if not _due else max(0.0, _due[0][0] - time.monotonic()))
            action = heapq.heappop(_due)[2]
        try:
            action()
        except Exception:  # one image that cannot settle must not keep the others pending
            traceback.print_exc(file=sys.stderr)


def start() -> None:
    threading.Thread(target=_run, name="timers", daemon=True).start()
