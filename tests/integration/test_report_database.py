"""The report from real rows: which study is meant, what is read, and what the command prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from app.cli import report as report_command
from config import settings
from db.core import migrate
from db.core.session import Database
from db.queries import reports
from domain.signal import Action, Stage
from reporting import document
from tests.support.builders import rows
from tests.support.builders.example_study import a_small_study


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give the test's database."""
    database = Database(migrate.driver_url(database_url))
    yield database
    database.dispose()


@pytest.fixture
def runner(database_url: str) -> CliRunner:
    """Give a command line whose DATABASE_URL is the test's."""
    return CliRunner(env={"DATABASE_URL": database_url})


def test_the_report_adds_up_what_the_rows_say(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session)

        built = document.build_report(reports.load(session))

    a, b = built["engines"]["A"], built["engines"]["B"]
    assert (a["decisions"], a["trades"], a["wins"], a["total_pnl"]) == (4, 1, 1, "8")
    assert (b["decisions"], b["trades"], b["wins"], b["total_pnl"]) == (4, 2, 1, "21")
    assert (b["average_pnl"], b["win_rate"]) == ("10.5", 0.5)
    assert built["difference"]["estimate"] == pytest.approx((0.0002 - 0.00007 + 0) / 3, rel=1e-10)
    assert (built["difference"]["pairs"], built["health"]["unresolved"]) == (3, 1)
    assert {cell: one["pairs"] for cell, one in built["cells"].items()} == {
        "both": 1,
        "only_a": 0,
        "only_b": 1,
        "none": 1,
    }
    assert built["execution_gap"] == 0.0
    assert built["other_clock"]["engines"]["A"]["total_pnl"] == "28"
    assert built["health"] == {
        "srm_p": built["health"]["srm_p"],
        "hash_mismatches": 0,
        "context_mismatches": 0,
        "unresolved": 1,
        "price_jumps": 0,
    }
    assert built["modes"] == {"ENGINE_A_PRIMARY": 4}
    assert built["answers"]["A"] == {"ENTER": 2, "HOLD": 1, "REJECT": 1}


def test_the_same_rows_give_the_same_document_bit_for_bit(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session)
        first = json.dumps(document.build_report(reports.load(session)))

    with database.snapshot() as session:
        second = json.dumps(document.build_report(reports.load(session)))

    assert first == second


def test_a_spoiled_hash_and_a_foreign_snapshot_show_in_the_health(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session)
        session.execute(text("UPDATE experiments SET bucket = 999999 - bucket"))
        session.execute(text("UPDATE decisions SET context_hash = 'other' WHERE engine = 'A' AND action = 'REJECT'"))

        built = document.build_report(reports.load(session))

    assert built["health"]["hash_mismatches"] == 4
    assert built["health"]["context_mismatches"] == 1
    assert built["difference"]["pairs"] == 2


def test_an_entry_signal_without_an_experiment_is_unresolved_and_an_exit_is_not(database: Database) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session)
        rows.a_signal_row(session, terms, stage=Stage.RECEIVED)
        rows.a_signal_row(session, terms, stage=Stage.RECEIVED, action=Action.EXIT)

        built = document.build_report(reports.load(session))

    assert built["health"]["unresolved"] == 1
    assert built["entries"] == 1


def test_the_newest_study_with_signals_is_meant(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session, book="replay:aaaaaaaaaaaa", name="older")
        a_small_study(session, book="replay:bbbbbbbbbbbb", name="newer")
        rows.some_terms(session, book="paper", name="empty")

        assert reports.load(session).study.name == "newer"
        assert reports.load(session, study="older").study.book == "replay:aaaaaaaaaaaa"
        assert reports.load(session, book="paper").study.name == "empty"


def test_a_test_alert_does_not_take_the_place_of_real_figures(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session, name="figures")
        a_small_study(session, book="test", name="trial")

        assert reports.load(session).study.name == "figures"
        assert reports.load(session, book="test").study.name == "trial"


def test_the_test_book_never_touches_the_figures_of_another(database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session)
        before = document.build_report(reports.load(session, book="paper"))
        a_small_study(session, book="test", name="trial")

        assert document.build_report(reports.load(session, book="paper")) == before


def test_the_command_prints_the_report_and_its_json(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        a_small_study(session)

    told = runner.invoke(cli, ["report"])
    as_json = runner.invoke(cli, ["report", "--json"])

    assert (told.exit_code, as_json.exit_code) == (0, 0)
    assert "Engine A against engine B: study first" in told.stdout
    assert json.loads(as_json.stdout)["engines"]["B"]["total_pnl"] == "21"


def test_the_command_writes_a_page(database: Database, runner: CliRunner, tmp_path: Path) -> None:
    with database.transaction() as session:
        a_small_study(session)
    file = tmp_path / "report.html"

    result = runner.invoke(cli, ["report", "--html", str(file)])

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Engine A against engine B" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_named(database: Database, runner: CliRunner, tmp_path: Path) -> None:
    with database.transaction() as session:
        a_small_study(session)

    result = runner.invoke(cli, ["report", "--html", str(tmp_path / "missing" / "report.html")])

    assert result.exit_code == 2
    assert "missing" in result.stderr


def test_no_study_yet_is_said_and_is_no_success(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["report"])

    assert result.exit_code == 1
    assert "there is no study yet" in result.stderr


def test_an_unknown_study_is_answered_with_those_there_are(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        a_small_study(session)

    result = runner.invoke(cli, ["report", "--study", "second"])

    assert result.exit_code == 1
    assert "no study 'second'" in result.stderr
    assert "first (book paper)" in result.stderr


def test_an_unreachable_database_is_told_without_its_password() -> None:
    url = "postgresql://someone:secret-word@127.0.0.1:1/nothing"

    result = CliRunner(env={"DATABASE_URL": url}).invoke(cli, ["report"])

    assert result.exit_code == 2
    assert "DATABASE_URL" in result.stderr
    assert "secret-word" not in result.output + result.stderr
    assert "Traceback" not in result.output + result.stderr


def test_a_database_of_another_schema_is_told(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        session.execute(text("ALTER TABLE studies DROP COLUMN alpha CASCADE"))
        session.execute(text("ALTER TABLE experiments RENAME TO old_experiments"))

    result = runner.invoke(cli, ["report"])

    assert result.exit_code == 2
    assert "orchestrator migrate" in result.stderr


def test_other_commands_can_ask_for_document_and_text(database: Database, database_url: str) -> None:
    with database.transaction() as session:
        a_small_study(session)

    built = report_command.load_document(settings.load({"DATABASE_URL": database_url}), book="paper")

    assert built["study"] == "first"
    assert "closed model trades" in report_command.render(built)
