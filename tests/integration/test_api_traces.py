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
from tests.support.builders.api_data import BOOK, PopulatedApi, start_populated_api
from tests.support.servers.stacks import with_redis_database

SECRET = "hunter2hunter2"
STORE_EXIT_RESULT = "INSERT INTO exit_results (signal_id, result) VALUES (:id, 'closes') RETURNING signal_id"
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
def api(server_urls: ServerUrls, database_url: str) -> Iterator[PopulatedApi]:
    with start_populated_api(database_url, with_redis_database(server_urls.redis_url, REDIS_DB)) as running:
        yield running


def printed(database_url: str, *arguments: str) -> Any:
    """Return the document that a command prints."""
    result = CliRunner(env={"DATABASE_URL": database_url}).invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def shown(api: PopulatedApi, path: str) -> Any:
    answer = api.service.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_a_signal_is_shown_as_the_command_line_shows_it(api: PopulatedApi, database_url: str) -> None:
    signals = [one["signal_id"] for one in api.service.items("/signals")]

    for signal_id in signals:
        assert shown(api, f"/signals/{signal_id}") == printed(database_url, "signals", "show", signal_id)
    assert len(signals) == 6


def test_a_message_is_explained_as_the_command_line_explains_it(api: PopulatedApi, database_url: str) -> None:
    event_id = str(api.ids["event_id"])

    told = shown(api, f"/quarantine/{event_id}")

    assert told == printed(database_url, "signals", "explain", event_id)
    assert told["errors"] == {"action": ["must be known"]}


def test_failing_fields_are_reported_as_the_command_line_reports_them(api: PopulatedApi, database_url: str) -> None:
    every, of_another = shown(api, "/quarantine/formats"), shown(api, "/quarantine/formats?source=other&days=30")

    assert every == printed(database_url, "signals", "formats")
    assert [(one["source"], one["field"], one["times"]) for one in every["failing"]] == [("tests", "action", 1)]
    assert of_another == {"failing": []}


def test_the_report_is_the_one_of_the_command_line(api: PopulatedApi, database_url: str) -> None:
    newest, named = shown(api, "/report"), shown(api, f"/report?study=first&book={BOOK}")

    assert newest == named == printed(database_url, "report", "--book", BOOK)
    assert newest["engines"]["A"]["total_pnl"] == "8"


def test_a_report_of_no_study_says_which_there_are(api: PopulatedApi) -> None:
    answer = api.service.get("/report?study=none")

    assert answer.status_code == 404
    assert "first (book replay:0123456789ab)" in answer.get_json()["detail"]


def test_an_experiment_and_a_trade_are_parts_of_their_signals_trace(api: PopulatedApi) -> None:
    trace = shown(api, f"/signals/{api.ids['signal_id']}")

    experiment = shown(api, f"/experiments/{api.ids['experiment_id']}")
    trade = shown(api, f"/trades/{api.ids['trade_id']}")

    assert experiment == {"signal_id": trace["signal"]["signal_id"]} | {
        name: trace[name] for name in ("experiment", "policy", "decisions", "trades", "outcomes")
    }
    assert trade["trade"] in trace["trades"]
    assert [one["venue"] for one in trade["orders"]] == ["paper", "paper"]
    assert [len(one["fills"]) for one in trade["orders"]] == [1, 1]
    assert [one["exit_clock"] for one in trade["outcomes"]] == ["synchronized"]


def test_a_study_shows_its_terms_and_how_many_experiments_it_has(api: PopulatedApi) -> None:
    study = shown(api, f"/studies/{api.ids['study_id']}")

    assert (study["name"], study["book"], study["status"], study["experiments"]) == ("first", BOOK, "running", 4)
    assert study["alpha"] == 0.05
    assert study in api.service.items("/studies")


def test_health_shows_what_waits_and_what_needs_a_person(api: PopulatedApi) -> None:
    health = shown(api, "/health")

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
def test_what_is_not_there_is_not_found(api: PopulatedApi, path: str) -> None:
    answer = api.service.get(path)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", [*DETAILS.values(), "/health", "/sources/desk", "/sources/desk/template"])
def test_what_takes_no_query_names_the_parameter_it_does_not_know(api: PopulatedApi, path: str) -> None:
    answer = api.service.get(path.format(*api.ids.values()) + "?verbose=1")

    assert (answer.status_code, answer.get_json().get("errors")) == (422, {"verbose": ["is not known here"]})


def test_what_a_source_does_is_shown_with_what_is_the_matter_with_it(api: PopulatedApi) -> None:
    before = api.service.get("/sources/desk/activity").get_json()

    api.service.client.post(f"/webhook/{api.token}", json={"symbol": "EURUSD", "action": "buy", "id": "activity"})
    api.service.client.post(f"/webhook/{api.token}", json={"symbol": "EURUSD", "action": "dance"})
    with api.service.database.transaction() as session:
        incidents.open_(session, kind="source_silent", subject="desk", detail={})

    after = api.service.get("/sources/desk/activity").get_json()
    assert after["recent_alerts"] == before["recent_alerts"] + 1
    assert after["quarantined"] == before["quarantined"] + 1
    assert after["heard_at"] >= after["last_signal_at"] > (before["last_signal_at"] or "")
    assert after["silent_s"] < 60
    assert after["warnings"] == [*before["warnings"], "source_silent"]


def test_no_secret_that_came_in_goes_out(api: PopulatedApi) -> None:
    body = {"symbol": "BTCUSDT", "action": SECRET, "passphrase": SECRET, "note": f"key {SECRET}"}
    event_id = api.service.store_quarantined_message(body, errors='{"action": ["must be known"]}')
    accepted = api.service.client.post(
        f"/webhook/{api.token}", json={"symbol": "BTCUSDT", "action": "buy", "passphrase": SECRET, "id": "one"}
    ).get_json()

    lists = ("signals", "quarantine", "experiments", "trades", "incidents", "policy", "studies")
    told = [
        api.service.get(path).get_data(as_text=True)
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
    assert all(SECRET not in one and api.token not in one for one in told)
    assert all(json.dumps("raw_body") not in one for one in told)


def test_the_document_names_every_column_of_a_trace(api: PopulatedApi) -> None:
    trace = shown(api, f"/signals/{api.ids['signal_id']}")
    (dead,) = (one["signal_id"] for one in api.service.items("/signals?status=dead"))
    trace["failures"] = shown(api, f"/signals/{dead}")["failures"]
    api.service.rows(STORE_EXIT_RESULT, id=api.run_ids["signal_id"])
    trace["exit_result"] = shown(api, f"/signals/{api.run_ids['signal_id']}")["exit_result"]
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
        "exit_result": "ExitResult",
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
