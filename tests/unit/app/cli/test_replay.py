"""The commands `replay` and `demo` up to the point where servers would start."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli, demo, replay
from app.cli.replay import WantedMoney
from config.settings import Settings
from domain.intervals import Interval
from domain.signal import SellAlone
from replay import alert_files, gateway, source_settings
from replay.driver import ReplaySummary
from replay.schedule import Schedule
from stack import runfile, stack
from stack.errors import StackRefused
from stack.runfile import RunFile
from stack.stack import StackPlan
from tests.support.builders.replays import GOOD_ROW, a_file_of

SETTINGS = source_settings.build_settings(None, timeframe=Interval.parse("1h"))
_SUMMARY = ReplaySummary(book="replay:0123456789ab", alerts=1, accepted=1, duplicates=0, refused=(), outside=0)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory that any account can pass through."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Schedule, Settings, str, str | None]]:
    """Collect what would be replayed, against which stack; nothing is started."""
    seen: list[tuple[Schedule, Settings, str, str | None]] = []

    def drive(
        scheduled: Schedule, settings: Settings, *, web_url: str, study: str | None, money: WantedMoney
    ) -> ReplaySummary:
        assert money == WantedMoney()
        seen.append((scheduled, settings, web_url, study))
        return _SUMMARY

    monkeypatch.setattr(replay, "run_replay", drive)
    monkeypatch.setattr(replay, "print_report", lambda settings, summary, *, as_json: None)
    return seen


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[StackPlan, bool]]:
    """Collect the stacks that would run, and whether to stay; each ends with code 5."""
    seen: list[tuple[StackPlan, bool]] = []

    def run_stack(plan: StackPlan, *, on_ready: object, stay: bool) -> int:
        seen.append((plan, stay))
        return 5

    monkeypatch.setattr(stack, "run_stack", run_stack)
    return seen


def _bars(tmp_path: Path, **given: Any) -> Path:
    return a_file_of(tmp_path, f"2017-01-05T10:00Z,{GOOD_ROW}", f"2017-01-05T11:00Z,{GOOD_ROW}", **given)


def _alerts(tmp_path: Path, *times: str) -> Path:
    rows = (f"1,A,b,hello,{time}" for time in times or ("2017-01-05T11:00:00Z",))
    return a_file_of(tmp_path, *rows, header=alert_files.HEADER, name="alerts.csv")


def _replay(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["replay", *map(str, arguments)])


def _a_run(directory: Path) -> RunFile:
    return RunFile(
        pid=os.getpid(),
        data_dir=str(directory),
        database_url="postgresql:///x",
        redis_url="redis://x",
        broker_url="redis://y",
        web_url="http://here:1",
        flower_url="",
        sockets=None,
        processes={},
    )


def test_a_wrong_header_ends_with_code_2_and_the_right_header(tmp_path: Path) -> None:
    bars = _bars(tmp_path, header="date,bid,ask,size,venue")

    result = _replay("--bars", f"EURUSD={bars}", "--alerts", _alerts(tmp_path))

    assert result.exit_code == 2
    assert "line 1: has the header date,bid,ask,size,venue; it must be timestamp,open,high,low,close" in result.stderr


def test_an_alert_without_a_time_ends_with_code_2_and_the_line(tmp_path: Path) -> None:
    alerts = _alerts(tmp_path, "2017-01-05T11:00:00Z", "noon")

    result = _replay("--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", alerts)

    assert result.exit_code == 2
    assert "line 3, Time: 'noon' is not a time; write 2017-01-05T10:00:00Z" in result.stderr


@pytest.mark.parametrize(
    ("options", "sell_alone", "symbols"),
    [
        ((), None, {}),
        (("--sell-alone", "exit"), SellAlone.EXIT, {}),
        (("--symbol", "us100=NASDAQ:NDX", "--sell-alone", "short"), SellAlone.SHORT, {"US100": "NASDAQ:NDX"}),
    ],
)
def test_settings_of_a_source_are_options(
    tmp_path: Path, driven: list[Any], options: tuple[str, ...], sell_alone: SellAlone | None, symbols: dict[str, str]
) -> None:
    runfile.write_run_file(tmp_path, _a_run(tmp_path))

    result = _replay(
        "--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", _alerts(tmp_path), *options, "--data-dir", tmp_path
    )

    assert result.exit_code == 0, result.output
    settings = driven[0][0].settings
    assert (settings.sell_alone, settings.symbols, str(settings.timeframe)) == (sell_alone, symbols, "1h")


def test_a_source_lends_its_settings_and_options_change_them(
    tmp_path: Path, driven: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    runfile.write_run_file(tmp_path, _a_run(tmp_path))
    stored = replace(
        SETTINGS, name="desk", book="paper", sell_alone=SellAlone.SHORT, exchange="BINANCE", symbols={"A": "B"}
    )
    monkeypatch.setattr(gateway, "load_source", lambda settings, name: {"desk": stored}[name])

    result = _replay(
        *("--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", _alerts(tmp_path), "--source", "desk"),
        *("--sell-alone", "exit", "--symbol", "C=D", "--data-dir", tmp_path),
    )

    assert result.exit_code == 0, result.output
    settings = driven[0][0].settings
    assert (settings.sell_alone, settings.exchange, settings.symbols) == (
        SellAlone.EXIT,
        "BINANCE",
        {"A": "B", "C": "D"},
    )


def test_bars_of_another_symbol_end_with_code_2_before_anything_starts(
    tmp_path: Path, plans: list[tuple[StackPlan, bool]]
) -> None:
    alerts = a_file_of(tmp_path, "1,A,b,buy BTCUSDT,2017-01-05T11:00:00Z", header=alert_files.HEADER, name="alerts.csv")

    result = _replay("--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", alerts)

    assert (result.exit_code, plans) == (2, [])
    assert "the bars are of EURUSD (forex), the alerts of BTCUSDT (spot)" in result.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--symbol", "nothing"), "--symbol: must be SENT=READ"),
        (("--dialect", "klingon"), "dialect: Must be one of"),
        (("--confidence-scale", "7"), "confidence_scale"),
    ],
)
def test_a_setting_that_is_not_allowed_ends_with_code_2(tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    result = _replay("--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", _alerts(tmp_path), *options)

    assert result.exit_code == 2
    assert problem in result.stderr


def test_what_is_assumed_of_the_bars_is_shown_first(tmp_path: Path, plans: list[tuple[StackPlan, bool]]) -> None:
    bars = a_file_of(
        tmp_path, f"2017-01-05 05:00,{GOOD_ROW}", f"2017-01-05 06:00,{GOOD_ROW}", header="datetime,o,h,l,c"
    )
    options = ("--timezone", "America/New_York", "--calendar", "EURUSD=24/5", "--data-dir", tmp_path)

    result = _replay("--bars", f"EURUSD={bars}", "--alerts", _alerts(tmp_path), *options)

    assert result.exit_code == 5
    assert result.stderr.startswith(
        f"{bars}: columns by name, times in America/New_York, sessions of 24/5; 2 bars of 1h"
    )


@pytest.mark.parametrize("again", [("--bars",), ()])
def test_several_bar_files_follow_one_option_or_one_each_and_the_running_stack_is_used(
    tmp_path: Path, driven: list[Any], again: tuple[str, ...]
) -> None:
    runfile.write_run_file(tmp_path, _a_run(tmp_path))
    bars = _bars(tmp_path)
    named = ("--bars", f"EURUSD:bid={bars}", *again, f"EURUSD:ask={bars}")

    result = _replay(*named, "--alerts", _alerts(tmp_path), "--study", "mine", "--data-dir", tmp_path)

    assert result.exit_code == 0, result.output
    ((scheduled, settings, web_url, study),) = driven
    assert [one.spec.side.value for one in scheduled.files] == ["bid", "ask"]
    assert (settings.database_url, settings.redis_url) == ("postgresql:///x", "redis://x")
    assert (web_url, study) == ("http://here:1", "mine")


def test_without_a_running_stack_one_is_started_for_the_duration_on_ports_of_its_own(
    tmp_path: Path, driven: list[Any], plans: list[tuple[StackPlan, bool]]
) -> None:
    result = _replay("--bars", f"EURUSD={_bars(tmp_path)}", "--alerts", _alerts(tmp_path), "--data-dir", tmp_path)

    ((plan, stay),) = plans
    assert result.exit_code == 5
    assert (plan.data_dir, stay) == (tmp_path, False)
    assert len({plan.port, plan.flower_port, 8000, 5555}) == 4
    assert driven == []


def test_the_demo_plays_its_own_data_and_ignores_servers_of_the_environment(
    directory: Path, plans: list[tuple[StackPlan, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///theirs")
    monkeypatch.setenv("BROKER_URL", "redis://theirs")
    monkeypatch.setenv("ENGINE_B", "committee")

    result = CliRunner().invoke(cli, ["demo", "--exit", "--data-dir", str(directory)])

    assert result.exit_code == 5, result.output
    assert "ignored: DATABASE_URL, BROKER_URL" in result.stderr
    ((plan, stay),) = plans
    assert (plan.settings.database_url, plan.settings.broker_url, stay) == (None, None, False)
    assert (plan.settings.engine_a, plan.settings.engine_b) == ("rules", "patient_engine:patient")


def test_a_demo_directory_is_wiped_and_another_is_not(directory: Path) -> None:
    instance = demo.empty_directory(directory / "demo")
    (instance / "postgres").mkdir()
    (instance / "postgres" / "data").write_text("old")

    demo.empty_directory(instance)
    left = {one.name for one in instance.iterdir()}

    assert "postgres" not in left
    (directory / "precious").touch()
    with pytest.raises(StackRefused, match="holds something else than a demo"):
        demo.empty_directory(directory)
    assert (directory / "precious").exists()


def test_a_demo_that_runs_is_not_wiped(directory: Path) -> None:
    instance = demo.empty_directory(directory / "demo")
    (instance / "postgres").mkdir()

    with runfile.lock_instance(instance):
        runfile.write_run_file(instance, _a_run(instance))
        with pytest.raises(StackRefused, match="is in use by the stack of process"):
            demo.empty_directory(instance)

    assert (instance / "postgres").exists()


def test_phases_are_told_with_their_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = iter([Decimal(0), Decimal("1.5"), Decimal("4.0"), Decimal("4.0")])
    timer = demo.PhaseTimer(monotonic=lambda: float(next(ticks)))

    timer.end_phase("first")
    timer.end_phase("second")
    timer.print_total()

    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert lines == [["first", "1.5", "s"], ["second", "2.5", "s"], ["together", "4.0", "s"]]


@pytest.mark.parametrize("code", ["US-D", "U", "what a currency"])
def test_a_base_currency_must_be_a_code(code: str, tmp_path: Path) -> None:
    files = ["--bars", f"EURUSD={tmp_path}/bars.csv", "--alerts", f"{tmp_path}/alerts.csv"]

    refused = CliRunner().invoke(replay.command, [*files, "--base-currency", code])

    assert refused.exit_code == 2
    assert f"--base-currency: {code!r} is no currency" in refused.output


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "5x", "1001"])
def test_a_leverage_that_is_none_is_refused(tmp_path: Path, given: str) -> None:
    bars = ("--bars", f"EURUSD={_bars(tmp_path)}")

    result = _replay(*bars, "--alerts", _alerts(tmp_path), "--max-leverage", given)

    assert result.exit_code == 2
    assert f"--max-leverage: '{given}' is no number from 0.01 to 1000" in result.stderr
