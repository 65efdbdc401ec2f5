"""Progress display of a replay: a bar on a terminal, a line for every ten per cent elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from replay.driver import ProgressWatcher


class ProgressLines:
    """Writes one line for each finished tenth of the alerts."""

    def __init__(self, stream: TextIO, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._monotonic = stream, monotonic
        self._started = monotonic()
        self._tenths = 0

    def update_progress(self, done: int, total: int) -> None:
        """Write a line when another tenth is finished; the last alert always finishes one."""
        tenths = done * 10 // total
        if tenths == self._tenths:
            return
        self._tenths = tenths
        rate = done / max(self._monotonic() - self._started, 1e-9)
        left = (total - done) / rate
        self._stream.write(f"replay {done}/{total} alerts, {rate:.1f}/s, {left:.0f} s left\n")
        self._stream.flush()


class ProgressBar:
    """Moves a progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update_progress(self, done: int, total: int) -> None:
        """Move the bar, with the rate and the time left."""
        speed = self._progress.tasks[0].speed or 0.0
        self._progress.update(self._task, completed=done, total=total, rate=f"{speed:.1f}/s")


@contextmanager
def open_progress(stream: TextIO) -> Iterator[ProgressWatcher]:
    """Open the display that fits `stream` (stderr): a bar with rate and time left on a terminal, else lines."""
    if not stream.isatty():
        yield ProgressLines(stream)
        return
    columns = (
        TextColumn("replaying alerts"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(file=stream)) as progress:
        yield ProgressBar(progress, progress.add_task("replay", total=None, rate="-/s"))
