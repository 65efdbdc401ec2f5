"""What the API shows of one thing: the same documents as the command line, and nothing that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from app.cli import cli
from db import incidents
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.integration.test_api_contract import DOCUMENT
from tests.support.api import REDIS_DB
from tests.support.builders.api_data import BOOK, FullDesk, a_full_desk
from tests.support.servers.stacks import with_redis_database

SECRET = "hunter2hunter2"
DETAILS = {
    "signal_id": "/signals/{}",
    "experiment_id": "/experiments/{}",
    "trade_id": "/trades/{}",
    "study_id": "/studies/{}",
    "event_id": "/quarantine/{}",
}


@pytest.fixture(scope="module")
def database_url(server_urls: ServerUrls, template_database: str) -> Iterator[str]:
    with a_copy(server_urls, template_database) as name:
        yield with_database(server_urls.database_url, name)


@pytest.fixture(scope="module")
def desk(server_urls: ServerUrls, database_url: str) -> Iterator[FullDesk]:
    with a_full_desk(database_url, with_redis_database(server_urls.redis_url, REDIS_DB)) as made:
        yield made


def printed(database_url: str, *arguments: str) -> Any:
    """Return the document that a command prints."""
    result = CliRunner(env={"DATABASE_URL": database_url}).invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def shown(desk: FullDesk, path: str) -> Any:
    answer = desk.service.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_a_signal_is_shown_as_the_command_line_shows_it(desk: FullDesk, database_url: str) -> None:
    signals = [one["signal_id"] for one in desk.service.items("/signals")]

    for signal_id in signals:
        assert shown(desk, f"/signals/{signal_id}") == printed(database_url, "signals", "show", signal_id)
    assert len(signals) == 6


def test_a_message_is_explained_as_the_command_line_explains_it(desk: FullDesk, database_url: str) -> None:
    event_id = str(desk.ids["event_id"])

    told = shown(desk, f"/quarantine/{event_id}")

    assert told == printed(database_url, "signals", "explain", event_id)
    assert told["errors"] == {"action": ["must be known"]}


def test_failing_fields_are_reported_as_the_command_line_reports_them(desk: FullDesk, database_url: str) -> None:
    every, of_another = shown(desk, "/quarantine/formats"), shown(desk, "/quarantine/formats?source=other&days=30")

    assert every == printed(database_url, "signals", "formats")
    assert [(one["source"], one["field"], one["times"]) for one in every["failing"]] == [("tests", "action", 1)]
    assert of_another == {"failing": []}


def test_the_report_is_the_one_of_the_command_line(desk: FullDesk, database_url: str) -> None:
    newest, named = shown(desk, "/report"), shown(desk, f"/report?study=first&book={BOOK}")

    assert newest == named == printed(database_url, "report", "--book", BOOK)
    assert newest["engines"]["A"]["total_pnl"] == "8"


def test_a_report_of_no_study_says_which_there_are(desk: FullDesk) -> None:
    answer = desk.service.get("/report?study=none")

    assert answer.status_code == 404
    assert "first (book replay:0123456789ab)" in answer.get_json()["detail"]


def test_an_experiment_and_a_trade_are_parts_of_their_signals_trace(desk: FullDesk) -> None:
    trace = shown(desk, f"/signals/{desk.ids['signal_id']}")

    experiment = shown(desk, f"/experiments/{desk.ids['experiment_id']}")
    trade = shown(desk, f"/trades/{desk.ids['trade_id']}")

    assert experiment == {"signal_id": trace["signal"]["signal_id"]} | {
        name: trace[name] for name in ("experiment", "policy", "decisions", "trades", "outcomes")
    }
    assert trade["trade"] in trace["trades"]
    assert [one["venue"] for one in trade["orders"]] == ["paper", "paper"]
    assert [len(one["fills"]) for one in trade["orders"]] == [1, 1]
    assert [one["exit_clock"] for one in trade["outcomes"]] == ["synchronized"]


def test_a_study_shows_its_terms_and_how_many_experiments_it_has(desk: FullDesk) -> None:
    study = shown(desk, f"/studies/{desk.ids['study_id']}")

    assert (study["name"], study["book"], study["status"], study["experiments"]) == ("first", BOOK, "running", 4)
    assert study["alpha"] == 0.05
    assert study in desk.service.items("/studies")


def test_health_shows_what_waits_and_what_needs_a_person(desk: FullDesk) -> None:
    health = shown(desk, "/health")

    assert (health["ok"], health["schema"], health["broker"]) == (False, "current", "reachable")
    assert health["backlog"] == {"open_signals": 0, "oldest_at": None}
    assert [(one["queue"], one["state"]) for one in health["queues"]] == [("pipeline", "answering")]
    assert health["incidents"] == {"open": 1, "kinds": {"position_drift": 1}}
    assert {one["book"]: (one["mode"], one["switch"]) for one in health["books"]} == dict.fromkeys(
        ("live", "paper", "test"), ("ENGINE_A_PRIMARY", "on")
    )


@pytest.mark.parametrize(
    "path",
    [
        *(one.format(UUID(int=17)) for one in DETAILS.values()),
        "/signals/17",
        "/sources/none",
        "/sources/none/activity",
    ],
)
def test_what_is_not_there_is_not_found(desk: FullDesk, path: str) -> None:
    answer = desk.service.get(path)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", [*DETAILS.values(), "/health", "/sources/desk", "/sources/desk/template"])
def test_what_takes_no_query_names_the_parameter_it_does_not_know(desk: FullDesk, path: str) -> None:
    answer = desk.service.get(path.format(*desk.ids.values()) + "?verbose=1")

    assert (answer.status_code, answer.get_json().get("errors")) == (422, {"verbose": ["is not known here"]})


def test_what_a_source_does_is_shown_with_what_is_the_matter_with_it(desk: FullDesk) -> None:
    before = desk.service.get("/sources/desk/activity").get_json()

    desk.service.client.post(f"/webhook/{desk.token}", json={"symbol": "EURUSD", "action": "buy", "id": "activity"})
    desk.service.client.post(f"/webhook/{desk.token}", json={"symbol": "EURUSD", "action": "dance"})
    with desk.service.database.transaction() as session:
        incidents.open_(session, kind="source_silent", subject="desk", detail={})

    after = desk.service.get("/sources/desk/activity").get_json()
    assert after["recent_alerts"] == before["recent_alerts"] + 1
    assert after["quarantined"] == before["quarantined"] + 1
    assert after["heard_at"] >= after["last_signal_at"] > (before["last_signal_at"] or "")
    assert after["silent_s"] < 60
    assert after["warnings"] == [*before["warnings"], "source_silent"]


def test_no_secret_that_came_in_goes_out(desk: FullDesk) -> None:
    body = {"symbol": "BTCUSDT", "action": SECRET, "passphrase": SECRET, "note": f"key {SECRET}"}
    event_id = desk.service.quarantined(body, errors='{"action": ["must be known"]}')
    accepted = desk.service.client.post(
        f"/webhook/{desk.token}", json={"symbol": "BTCUSDT", "action": "buy", "passphrase": SECRET, "id": "one"}
    ).get_json()

    lists = ("signals", "quarantine", "experiments", "trades", "incidents", "policy", "studies")
    told = [
        desk.service.get(path).get_data(as_text=True)
        for path in (
            f"/quarantine/{event_id}",
            f"/signals/{accepted['signal_id']}",
            "/quarantine/formats",
            "/health",
            *(f"/{name}" for name in lists),
            *(f"/{name}?format=csv" for name in lists),
        )
    ]

    assert "***" in told[1]
    assert all(SECRET not in one and desk.token not in one for one in told)
    assert all(json.dumps("raw_body") not in one for one in told)


def test_the_document_names_every_column_of_a_trace(desk: FullDesk) -> None:
    trace = shown(desk, f"/signals/{desk.ids['signal_id']}")
    (dead,) = (one["signal_id"] for one in desk.service.items("/signals?status=dead"))
    trace["failures"] = shown(desk, f"/signals/{dead}")["failures"]
    schemas = DOCUMENT["components"]["schemas"]
    named = {
        "signal": "Signal",
        "context": "Context",
        "experiment": "Assignment",
        "policy": "Policy",
        "decisions": "Decision",
        "orders": "Order",
        "trades": "Trade",
        "outcomes": "Outcome",
        "failures": "Failure",
        "stages": "StageReached",
    }

    undocumented = {
        f"{part}.{column}"
        for part, schema in named.items()
        for row in (trace[part] if isinstance(trace[part], list) else [trace[part]])
        for column in row
        if column not in schemas[schema]["properties"]
    }

    assert set(named) == set(trace)
    assert all(trace.values())
    assert undocumented == set()
