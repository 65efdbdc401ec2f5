"""Runs `orchestrator ARGUMENTS` with a wall clock that is off: python -m bench.chaos.shifted_clock SECONDS|FILE ...

The seconds in a file may be changed at any time, which is a step of the clock. Monotonic clocks stay as they are, as
they do when the clock of a machine is set.

Python's own clock functions are written in C and in use everywhere. Those that Celery and we read are replaced by name.
"""

from __future__ import annotations

import datetime as dt
import importlib
import runpy
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack import commands, procfile

CLOCK_FILE = "clock"
_READ_EVERY_S = 0.05
_SHIFTED = ("worker", "beat")
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
_real_time, _real_time_ns = time.time, time.time_ns


def build_command(shift: str) -> tuple[str, ...]:
    """Return the command that stands for `orchestrator`; `shift` is a number of seconds or the path of a file."""
    return commands.build_module_command("bench.chaos.shifted_clock", shift)


def write_procfile(directory: Path) -> Path:
    """Write the product's Procfile with workers and beat on a clock that the file `clock` beside it shifts."""
    clock = directory / CLOCK_FILE
    set_shift(clock, 0)
    lines = [
        f"{name}: {shlex.join(_shift_command(command, clock))}"
        for name, command in procfile.read_procfile(procfile.default_path()).items()
    ]
    written = directory / "Procfile"
    written.write_text("\n".join(lines) + "\n")
    return written


def _shift_command(command: tuple[str, ...], clock: Path) -> tuple[str, ...]:
    """Return a Procfile's command, run on the shifted clock when it is a worker or beat."""
    program, *words = command
    if words[:1] == ["run"] and words[1] in _SHIFTED:
        return (program, "-m", "bench.chaos.shifted_clock", str(clock), *words)
    return command


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


def _build_reader(file: Path) -> Callable[[], float]:
    """Return a function that returns the number in a file, which it reads a few times a second."""
    read_at, seconds = float("-inf"), 0.0

    def read_seconds() -> float:
        """Return by how much the clock is off now."""
        nonlocal read_at, seconds
        now = time.monotonic()
        if now - read_at > _READ_EVERY_S:
            read_at, seconds = now, float(file.read_text())
        return seconds

    return read_seconds


def main() -> None:
    """Load the modules that read clocks, move their clocks, and go on as the command line does."""
    argument = sys.argv.pop(1)
    file = Path(argument)

    read_seconds = _build_reader(file) if file.is_absolute() else lambda: float(argument)
    time.time = lambda: _real_time() + read_seconds()
    time.time_ns = lambda: _real_time_ns() + int(read_seconds() * 1_000_000_000)
    for name in _LOADED:
        importlib.import_module(name)
    shift(read_seconds)
    runpy.run_module("trading_orchestrator", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
