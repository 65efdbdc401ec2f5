"""Runs `orchestrator ARGUMENTS` with a wall clock that is off: python -m bench.chaos.shifted_clock SECONDS|FILE ...

The seconds in a file may be changed at any time, which is a step of the clock. Monotonic clocks stay as they are, as
they do when the clock of a machine is set.

Python's own clock functions are written in C and in use everywhere. Those that Celery and we read are replaced by name.
"""

from __future__ import annotations

import datetime as dt
import importlib
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack import commands

_READERS = ("celery", "kombu", "tasks", "db", "domain", "engines", "venues")
_LOADED = (
    "celery.apps.worker",
    "celery.beat",
    "celery.schedules",
    "celery.worker.request",
    "celery.worker.strategy",
    "tasks.pipeline",
)
_Real = dt.datetime
_real_time = time.time


def build_command(shift: str) -> tuple[str, ...]:
    """Return the command that stands for `orchestrator`; `shift` is a number of seconds or the path of a file."""
    return commands.build_module_command("bench.chaos.shifted_clock", shift)


def set_shift(file: Path, seconds: float) -> None:
    """Set the clocks of the processes that read this file; they never read half a number."""
    written = file.with_name(f"{file.name}.new")
    written.write_text(str(seconds))
    written.replace(file)


def shift(seconds: Callable[[], float]) -> None:
    """Move the clock of every module that is loaded now."""

    class Kind(type):
        """Makes real datetimes instances of the class that stands in for theirs."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _Real)

    class Shifted(_Real, metaclass=Kind):
        """Makes real datetimes only; what it calls now is off."""

        def __new__(cls, *given: Any, **named: Any) -> Any:
            return _Real(*given, **named)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            """Return the time of the clock that is off."""
            return _Real.now(tz) + dt.timedelta(seconds=seconds())

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _READERS and vars(module).get("datetime") is _Real:
            vars(module)["datetime"] = Shifted


def main() -> None:
    """Load the modules that read clocks, move their clocks, and go on as the command line does."""
    argument = sys.argv.pop(1)
    file = Path(argument)

    def read_seconds() -> float:
        """Return by how much the clock is off now."""
        return float(file.read_text() if file.is_absolute() else argument)

    time.time = lambda: _real_time() + read_seconds()
    for name in _LOADED:
        importlib.import_module(name)
    shift(read_seconds)
    runpy.run_module("trading_orchestrator", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
