"""Where the lines of supervised processes go."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from stack.output import FileOutput, RoutedOutput, StreamOutput, WarningsOutput, format_warning


def record(level: str, **fields: str) -> str:
    """Return a log line as our processes write it."""
    return json.dumps({"event": "venue.silent", "level": level, "at": "2026-01-02T03:04:05.6Z", **fields})


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_a_warning_or_worse_is_one_readable_line(level: str) -> None:
    assert format_warning(record(level, book="live")) == f"03:04:05 {level} venue.silent book=live"


@pytest.mark.parametrize(
    "line",
    [
        record("info"),
        record("debug"),
        "[INFO] Listening at: http://127.0.0.1:8000",
        "{not json",
        "[1, 2]",
        '  File "stage.py", line 3',
        "",
    ],
)
def test_other_lines_are_no_warnings(line: str) -> None:
    assert format_warning(line) is None


def test_a_warning_of_a_console_renderer_is_shown_as_it_is() -> None:
    line = "2026-01-02T03:04:05Z [warning  ] venue.silent   book=live"

    assert format_warning(line) == line


def test_the_terminal_gets_warnings_and_the_supervisors_lines_and_the_file_gets_all(tmp_path: Path) -> None:
    screen = io.StringIO()
    output = WarningsOutput(StreamOutput(screen), FileOutput(tmp_path / "up.log"))

    output.write("web", record("info"))
    output.write("web", record("error"))
    output.write("stack", "worker ended (exit code 1); starting it again in 0.1 s")
    output.close()

    assert [line.split("|")[0].strip() for line in screen.getvalue().splitlines()] == ["web", "stack"]
    assert len((tmp_path / "up.log").read_text().splitlines()) == 3


def test_a_routed_child_has_an_output_of_its_own(tmp_path: Path) -> None:
    screen = io.StringIO()
    output = RoutedOutput({"postgres": FileOutput(tmp_path / "servers.log")}, default=StreamOutput(screen))

    output.write("postgres", "ready")
    output.write("web", "listening")
    output.close()

    assert (tmp_path / "servers.log").read_text() == "postgres | ready\n"
    assert screen.getvalue() == "web      | listening\n"


def test_a_log_that_has_grown_large_is_begun_anew_while_it_is_written(tmp_path: Path) -> None:
    output = FileOutput(tmp_path / "up.log")

    for _ in range(13):
        output.write("web", "x" * 1_000_000)
    output.close()

    assert (tmp_path / "up.log.1").stat().st_size > 10_000_000
    assert (tmp_path / "up.log").stat().st_size < 4_000_000
