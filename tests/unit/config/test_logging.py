"""One formatter for our records and those of libraries."""

from __future__ import annotations

import json
import logging as standard
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog

from config import logging, settings


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Put the root logger and structlog back as they were."""
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def configure(**environ: str) -> None:
    logging.configure(settings.load(environ))


def records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_records_and_foreign_ones_have_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")

    structlog.get_logger("ours").info("signal.accepted", signal_id="1")
    standard.getLogger("theirs").warning("lost %s of %d", "three", 7)

    ours, theirs = records(capsys)
    assert ours.keys() - {"signal_id"} == theirs.keys() == {"event", "level", "logger", "at"}
    assert (ours["event"], ours["level"], ours["signal_id"]) == ("signal.accepted", "info", "1")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("lost three of 7", "warning", "theirs")
    assert all(datetime.fromisoformat(str(record["at"])).tzinfo is not None for record in (ours, theirs))


def test_what_is_bound_to_a_task_is_in_every_record_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")

    with structlog.contextvars.bound_contextvars(stage="dispatched", lock="l"):
        structlog.get_logger().info("stage.done")
        standard.getLogger("theirs").error("no answer")
    structlog.get_logger().info("later")

    assert [record.get("stage") for record in records(capsys)] == ["dispatched", "dispatched", None]


def test_an_error_is_one_record_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")

    try:
        raise RuntimeError("the engine broke")
    except RuntimeError as error:
        structlog.get_logger().error("signal.failed", exc_info=error)
        standard.getLogger("theirs").exception("it failed")

    ours, theirs = records(capsys)
    for record in (ours, theirs):
        assert "RuntimeError: the engine broke" in str(record["exception"])
        assert "exc_info" not in record


def test_configuring_twice_does_not_say_things_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")
    configure(LOG_FORMAT="json")

    structlog.get_logger().info("once")

    assert len(records(capsys)) == 1


def test_the_level_holds_for_ours_and_foreign_records(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json", LOG_LEVEL="WARNING")

    structlog.get_logger("ours").info("quiet")
    standard.getLogger("theirs").info("quiet")
    structlog.get_logger("ours").warning("loud")

    assert [record["event"] for record in records(capsys)] == ["loud"]


def test_celerys_line_per_task_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")

    standard.getLogger("celery.app.trace").info("Task succeeded")
    standard.getLogger("celery.app.trace").warning("Task failed")

    assert [record["event"] for record in records(capsys)] == ["Task failed"]


@pytest.mark.parametrize(("form", "is_json"), [("auto", True), ("json", True), ("console", False)])
def test_without_a_terminal_records_are_json_unless_asked_otherwise(
    capsys: pytest.CaptureFixture[str], form: str, is_json: bool
) -> None:
    configure(LOG_FORMAT=form)

    structlog.get_logger().info("signal.accepted", signal_id="1")

    said = capsys.readouterr().err
    assert said.startswith("{") == is_json
    assert "signal.accepted" in said


def test_values_that_json_does_not_know_are_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LOG_FORMAT="json")

    structlog.get_logger().info("odd", value=datetime(2026, 1, 1), error=ValueError("x"))  # noqa: DTZ001 - any value

    [record] = records(capsys)
    assert "2026" in str(record["value"])
