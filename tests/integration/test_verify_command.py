"""The verify and signals commands against real rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from db import verification
from db.core import migrate
from db.core.session import Database
from domain.decision import EngineSlot, Verdict
from domain.signal import Action, Stage
from domain.study import ExitClock
from tests.support.builders import rows, trade_rows

A, B = EngineSlot.A, EngineSlot.B
LATER = rows.MONDAY + timedelta(days=1)


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


@pytest.fixture
def judged(database: Database) -> rows.Judged:
    """Make one entry that A traded, in both ledgers, and B did not."""
    exits = dict.fromkeys(ExitClock, (LATER, Decimal("1.2")))
    with database.transaction() as session:
        terms = rows.some_terms(session)
        judged = rows.a_decided_entry(session, terms, verdicts={A: Verdict.ENTER})
        trade_rows.a_closed_trade(session, judged, A, exit_at=exits)
        trade_rows.a_closed_trade(session, judged, A, is_shadow=False, exit_at=exits)
        trade_rows.no_trade(session, judged, B)
    return judged


@pytest.mark.usefixtures("judged")
def test_verify_lists_every_rule_that_holds(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["verify"])

    assert result.exit_code == 0
    for rule in verification.RULES:
        assert f"✓ {rule.name}:" in result.stdout
    assert f"all {len(verification.RULES)} rules hold" in result.stdout


@pytest.mark.usefixtures("judged")
def test_verify_says_well_as_json(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["verify", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"ok": True, "violations": []}


def test_verify_fails_and_names_what_is_broken(database: Database, runner: CliRunner, judged: rows.Judged) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE experiments SET bucket = 999999 - bucket"))

    told, as_json = runner.invoke(cli, ["verify"]), runner.invoke(cli, ["verify", "--json"])

    assert (told.exit_code, as_json.exit_code) == (1, 1)
    assert "✗ assignment_recomputes: broken 1 times" in told.stdout
    assert "1 of" in told.stdout.splitlines()[-1]
    assert json.loads(as_json.stdout) == {
        "ok": False,
        "violations": [{"rule": "assignment_recomputes", "count": 1, "examples": [str(judged.experiment_id)]}],
    }


def test_verify_shows_five_examples_of_many(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session)
        for _ in range(7):
            rows.a_signal_row(session, terms, status="dead", stage=Stage.RECEIVED)

    result = runner.invoke(cli, ["verify", "--json"])

    (violation,) = json.loads(result.stdout)["violations"]
    assert (violation["rule"], violation["count"], len(violation["examples"])) == ("dead_has_letter", 7, 5)


def test_an_empty_database_breaks_no_rule(runner: CliRunner) -> None:
    assert runner.invoke(cli, ["verify"]).exit_code == 0


@pytest.mark.property_id(20)
def test_show_gives_everything_that_was_stored_about_a_signal(runner: CliRunner, judged: rows.Judged) -> None:
    result = runner.invoke(cli, ["signals", "show", str(judged.signal.signal_id), "--json"])

    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert {"signal", "context", "experiment", "policy", "decisions", "orders", "trades", "outcomes"} <= set(shown)
    assert shown["signal"]["signal_hash"] == judged.signal.signal_hash
    assert shown["signal"]["price"] == "1.1"
    assert "raw_body" not in shown["signal"]
    assert shown["context"]["context_hash"] == judged.context_hash
    assert {one["context_hash"] for one in shown["decisions"]} == {judged.context_hash}
    assert [one["engine"] for one in shown["decisions"]] == ["A", "B"]
    assert shown["policy"]["executed_engine"] == "A"
    assert [(one["engine"], one["is_shadow"]) for one in shown["trades"]] == [("A", True), ("A", False)]
    assert len(shown["orders"]) == 5
    assert all(len(order["fills"]) == 1 for order in shown["orders"])
    assert {one["return_ratio"] for one in shown["outcomes"]} == {0.00008, 0.0}
    assert {(one["engine"], one["pnl"]) for one in shown["outcomes"]} == {("A", "8"), ("B", "0")}


def test_show_tells_the_story_from_the_alert_to_the_end(runner: CliRunner, judged: rows.Judged) -> None:
    result = runner.invoke(cli, ["signals", "show", str(judged.signal.signal_id)])

    steps = [
        "signal ",
        "alert ",
        "snapshot ",
        "assigned ",
        "policy ",
        "engine A ENTER",
        "engine B HOLD",
        "trade ",
        "engine B with 0: no_trade_hold",
    ]
    places = [result.stdout.index(step) for step in steps]
    assert places == sorted(places)
    assert "P&L 8, stop" in result.stdout


def test_show_of_a_signal_that_has_just_come_has_nothing_more_to_tell(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        signal = rows.a_signal_row(session, rows.some_terms(session), stage=Stage.RECEIVED, action=Action.EXIT)

    told = runner.invoke(cli, ["signals", "show", str(signal.signal_id)])
    shown = json.loads(runner.invoke(cli, ["signals", "show", str(signal.signal_id), "--json"]).stdout)

    assert told.exit_code == 0
    assert (shown["context"], shown["experiment"], shown["policy"], shown["trades"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"position_before": "flat", "position_after": "long", "sequence": 7}, "position flat to long, alert number 7"),
        ({"position_after": "short"}, "position – to short"),
        ({"sequence": 0}, "position alert number 0"),
    ],
)
def test_show_tells_where_the_strategy_stood_and_the_alerts_number(
    database: Database, runner: CliRunner, columns: dict[str, Any], line: str
) -> None:
    with database.transaction() as session:
        signal = rows.a_signal_row(session, rows.some_terms(session), stage=Stage.RECEIVED, **columns)

    told = runner.invoke(cli, ["signals", "show", str(signal.signal_id)])
    shown = json.loads(runner.invoke(cli, ["signals", "show", str(signal.signal_id), "--json"]).stdout)

    assert line in told.stdout.splitlines()
    names = ("sequence", "position_before", "position_after")
    assert {name: shown["signal"][name] for name in names} == dict.fromkeys(names) | columns


def test_a_hostile_name_cannot_steer_the_terminal(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session)
        signal = rows.a_signal_row(session, terms, stage=Stage.RECEIVED, strategy="\x1b[2J", last_error="\x1b]0;x\x07")

    listed = runner.invoke(cli, ["signals", "list"])
    told = runner.invoke(cli, ["signals", "show", str(signal.signal_id)])

    assert "\x1b" not in listed.output + told.output
    assert "[2J" in told.output


def test_an_unknown_signal_is_said(runner: CliRunner) -> None:
    missing = uuid4()

    result = runner.invoke(cli, ["signals", "show", str(missing)])

    assert result.exit_code == 1
    assert str(missing) in result.stderr


@pytest.mark.parametrize("command", ["show", "rerun"])
def test_an_id_that_is_none_is_refused(runner: CliRunner, command: str) -> None:
    result = runner.invoke(cli, ["signals", command, "not-an-id"])

    assert result.exit_code == 2
    assert "not-an-id" in result.stderr


def test_list_is_newest_first_and_filters(database: Database, runner: CliRunner) -> None:
    with database.transaction() as session:
        terms, others = rows.some_terms(session), rows.some_terms(session, book="test", name="trial")
        first = rows.a_signal_row(session, terms, action=Action.EXIT)
        second = rows.a_signal_row(session, terms, stage=Stage.RECEIVED)
        third = rows.a_signal_row(session, others, stage=Stage.RECEIVED)

    def listed(*options: str) -> list[str]:
        found = json.loads(runner.invoke(cli, ["signals", "list", "--json", *options]).stdout)["signals"]
        return [one["signal_id"] for one in found]

    assert listed() == [str(one.signal_id) for one in (third, second, first)]
    assert listed("--limit", "1") == [str(third.signal_id)]
    assert listed("--book", "paper") == [str(second.signal_id), str(first.signal_id)]
    assert listed("--status", "done") == [str(first.signal_id)]


def test_list_has_a_header_and_one_line_per_signal_with_its_result(runner: CliRunner, judged: rows.Judged) -> None:
    result = runner.invoke(cli, ["signals", "list"])

    header, line = result.stdout.splitlines()
    assert header.split() == ["SIGNAL", "RECEIVED", "BOOK", "ALERT", "RESULT"]
    assert line.startswith(str(judged.signal.signal_id))
    assert line[header.index("ALERT") :].startswith("entry long EURUSD")
    assert line[header.index("RESULT") :].startswith("done (outcome recorded), ")


def test_the_result_of_a_signal_names_the_trades_it_opened_or_says_that_there_is_none(
    database: Database, runner: CliRunner, judged: rows.Judged
) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session, book="test", name="trial")
        rows.a_signal_row(session, terms)
        exit_signal = rows.a_signal_row(session, terms, action=Action.EXIT)

    lines = {line.split()[0]: line for line in runner.invoke(cli, ["signals", "list"]).stdout.splitlines()[1:]}

    traded = lines.pop(str(judged.signal.signal_id))
    assert re.search(r"\(outcome recorded\), A (real|shadow) closed", traded)
    assert "no trade" not in lines.pop(str(exit_signal.signal_id))
    (without,) = lines.values()
    assert without.endswith("done (outcome recorded), no trade")


def test_a_signal_is_shown_by_the_first_characters_of_its_id_and_as_the_last_one(
    database: Database, runner: CliRunner
) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session)
        first, last = (rows.a_signal_row(session, terms, stage=Stage.RECEIVED) for _ in range(2))

    def shown(written: str) -> str:
        result = runner.invoke(cli, ["signals", "show", written, "--json"])
        return str(json.loads(result.stdout)["signal"]["signal_id"])

    assert shown("last") == str(last.signal_id)
    assert shown(str(first.signal_id)[:20]) == str(first.signal_id)
    assert shown(str(first.signal_id).upper()[:24]) == str(first.signal_id)
    assert shown(first.signal_id.hex[:20]) == str(first.signal_id)


def test_characters_with_which_several_ids_begin_are_refused_with_those_ids(
    database: Database, runner: CliRunner
) -> None:
    with database.transaction() as session:
        terms = rows.some_terms(session)
        ids = sorted(str(rows.a_signal_row(session, terms, stage=Stage.RECEIVED).signal_id) for _ in range(40))
    alike = next(one for one, other in pairwise(ids) if one[0] == other[0])

    result = runner.invoke(cli, ["signals", "show", alike[0]])

    assert result.exit_code == 1
    assert f"several ids begin with {alike[0]}: {next(one for one in ids if one[0] == alike[0])}, " in result.stderr
    assert "give more characters" in result.stderr


@pytest.mark.parametrize(
    ("written", "message"),
    [("last", "there is no signal yet"), ("0123", "there is no signal whose id begins with 0123")],
)
def test_what_names_no_signal_is_refused(runner: CliRunner, written: str, message: str) -> None:
    result = runner.invoke(cli, ["signals", "show", written])

    assert result.exit_code == 1
    assert message in result.stderr


def test_a_signal_that_is_done_is_not_rerun(runner: CliRunner, judged: rows.Judged) -> None:
    result = runner.invoke(cli, ["signals", "rerun", str(judged.signal.signal_id), "--reason", "a test"])

    assert result.exit_code == 1
    assert str(judged.signal.signal_id) in result.stderr
