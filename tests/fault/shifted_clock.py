"""Runs `orchestrator ARGUMENTS` with a wall clock that is off: python shifted.py SECONDS|FILE ARGUMENTS...

The seconds in a file may be changed at any time, which is a step of the clock.

Python's own clock functions are written in C and in use everywhere. Those that Celery and we read are replaced by name.
"""

from __future__ import annotations

import datetime as dt
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_READERS = ("celery", "kombu", "app", "tasks", "db", "domain", "engines", "venues")
_LOADED = (
    "celery.apps.worker",
    "celery.beat",
    "celery.schedules",
    "celery.worker.request",
    "celery.worker.strategy",
    "tasks.pipeline",
    "app.cli",
)
_Real = dt.datetime
_real_time = time.time


def shift(seconds: Callable[[], float]) -> None:
    """Move the clock of every module that is loaded now."""

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _Real)

    class Shifted(_Real, metaclass=Kind):
        """Makes real datetimes only; what it calls now is off."""

        def __new__(cls, *given: Any, **named: Any) -> Any:
            return _Real(*given, **named)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return _Real.now(tz) + dt.timedelta(seconds=seconds())

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _READERS and vars(module).get("datetime") is _Real:
            vars(module)["datetime"] = Shifted


def main() -> None:
    """Load what reads clocks, move them, and go on as the command line does."""
    given = sys.argv.pop(1)
    file = Path(given)

    def seconds() -> float:
        return float(file.read_text() if file.is_absolute() else given)

    time.time = lambda: _real_time() + seconds()
    for name in _LOADED:
        importlib.import_module(name)
    shift(seconds)
    importlib.import_module("app.cli").main()


if __name__ == "__main__":
    main()
