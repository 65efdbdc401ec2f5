"""Progress without a terminal: few lines, the last one complete."""

from __future__ import annotations

import io
import itertools

from replay import progress


def test_without_a_terminal_a_line_is_written_for_each_tenth() -> None:
    stream = io.StringIO()
    ticks = itertools.count()
    lines = progress.ProgressLines(stream, monotonic=lambda: float(next(ticks)))

    for done in range(1, 201):
        lines.update_progress(done, 200)

    written = stream.getvalue().splitlines()
    assert len(written) == 10
    assert written[0] == "replay 20/200 alerts, 20.0/s, 9 s left"
    assert written[-1].startswith("replay 200/200 alerts")


def test_a_stream_that_is_no_terminal_gets_lines() -> None:
    stream = io.StringIO()

    with progress.open_progress(stream) as watcher:
        watcher.update_progress(3, 3)

    assert stream.getvalue().startswith("replay 3/3 alerts")


def test_a_terminal_gets_a_bar_with_count_and_rate() -> None:
    stream = _Terminal()

    with progress.open_progress(stream) as watcher:
        watcher.update_progress(2, 3)

    assert "2/3" in stream.getvalue()
    assert "/s" in stream.getvalue()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
