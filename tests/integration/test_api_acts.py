"""What people change by HTTP: sources, policy, incidents, and what stands in the audit log afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from db import incidents
from stack.servers import ServerUrls
from tests.support.api import REASON, REDIS_DB, ROLE_SCOPES, Service
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.pipeline import NOON
from tests.support.servers.stacks import with_redis_database

SWITCH = {"book": "paper", "reason": REASON}


@pytest.fixture
def api(database_url: str, server_urls: ServerUrls) -> Iterator[PopulatedApi]:
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with start_populated_api(database_url, redis_url, PUBLIC_URL="https://alerts.example/") as running:
        running.service.accept_tokens(**ROLE_SCOPES)
        yield running


@pytest.fixture
def service(api: PopulatedApi) -> Service:
    return api.service


def test_what_a_template_says_is_read_as_it_is_meant(api: PopulatedApi) -> None:
    template = api.service.get("/sources/desk/template").get_json()
    filled = {"exchange": "BINANCE", "ticker": "BTCUSDT", "close": "65000", "interval": "60"}

    answers = [
        api.service.client.post(f"/webhook/{api.token}", data=re.sub(r"{{(\w+)}}", filled_in(filled), template[name]))
        for name in ("buy", "exit")
    ]

    assert [one.status_code for one in answers] == [200, 200]
    read = "SELECT symbol, action, direction FROM signals WHERE source = 'desk' ORDER BY seq"
    assert api.service.rows(read) == [
        {"symbol": "BTCUSDT", "action": "entry", "direction": "long"},
        {"symbol": "BTCUSDT", "action": "exit", "direction": "long"},
    ]


def test_a_source_is_made_and_its_token_posts(service: Service) -> None:
    given = {
        "name": "new-desk",
        "timeframe": "1h",
        "symbols": {"us 100": "NASDAQ:NDX"},
        "heartbeat_s": 3600,
        "reason": REASON,
    }

    answer = service.post("/sources", given, token="admin")

    made = answer.get_json()
    assert answer.status_code == 201
    assert (made["name"], made["book"], made["timeframe"], made["symbols"], made["heartbeat_s"], made["enabled"]) == (
        "new-desk",
        "paper",
        "1h",
        {"US100": "NASDAQ:NDX"},
        3600,
        True,
    )
    assert made == service.get("/sources/new-desk").get_json()
    assert posts(service, made["token"]) == 200
    assert service.audit_entries() == [
        {"actor": "admin", "action": "source.added", "subject": "new-desk", "reason": REASON}
    ]


BAD_SOURCES: list[tuple[dict[str, Any], str]] = [
    ({}, "name"),
    ({"name": "-x"}, "name"),
    ({"name": "a b"}, "name"),
    ({"name": "x", "book": "nowhere"}, "book"),
    ({"name": "x", "strategy": "a\x00b"}, "strategy"),
    ({"name": "x", "timeframe": "soon"}, "timeframe"),
    ({"name": "x", "exchange": "\n"}, "exchange"),
    ({"name": "x", "symbols": {"a": "?"}}, "symbols"),
    ({"name": "x", "symbols": {"a\x00": "BTCUSDT"}}, "symbols"),
    ({"name": "x", "max_lag_s": 0}, "max_lag_s"),
    ({"name": "x", "max_lag_s": 1.5}, "max_lag_s"),
    ({"name": "x", "max_lag_s": "60"}, "max_lag_s"),
    ({"name": "x", "heartbeat_s": 10}, "heartbeat_s"),
    ({"name": "x", "confidence_scale": 7}, "confidence_scale"),
    ({"name": "x", "dialect": "esperanto"}, "dialect"),
    ({"name": "x", "token": "mine"}, "token"),
    ({"name": "x", "reason": "a\nb"}, "reason"),
]


@pytest.mark.parametrize(("given", "field"), BAD_SOURCES)
def test_a_source_that_cannot_be_is_named_by_its_field(service: Service, given: dict[str, Any], field: str) -> None:
    before = service.rows("SELECT count(*) AS there FROM sources")

    answer = service.post("/sources", given)

    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
    assert service.rows("SELECT count(*) AS there FROM sources") == before
    assert service.audit_entries() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "one", "name": "two"}', "name"),
        (b'{"name": "one", "symbols": {"A": "B", "A": "C"}}', "A"),
        (b'{"name": "one", "na\\u006de": "two"}', "name"),
    ],
)
def test_a_name_that_is_given_twice_in_a_body_is_refused(service: Service, body: bytes, field: str) -> None:
    answer = service.post("/sources", body)

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {field: ["is given more than once"]}
    assert service.rows("SELECT FROM sources WHERE name IN ('one', 'two')") == []


def test_a_name_that_is_taken_is_a_conflict(service: Service) -> None:
    answer = service.post("/sources", {"name": "desk"})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.get_json()["detail"] == "there is a source named 'desk' already"
    assert service.audit_entries() == []


def test_another_token_holds_beside_the_present_one_for_as_long_as_was_asked(api: PopulatedApi) -> None:
    service = api.service

    rotated = service.post("/sources/desk/rotate", {"keep_s": 3600, "reason": REASON}, token="admin").get_json()

    assert rotated["token"] != api.token
    assert [posts(service, token) for token in (api.token, rotated["token"])] == [200, 200]
    kept = "SELECT extract(epoch FROM previous_until - now())::int AS left_s FROM sources WHERE name = 'desk'"
    (left,) = service.rows(kept)
    assert 3500 < left["left_s"] <= 3600
    assert rotated["previous_until"].endswith("Z")
    assert service.audit_entries() == [
        {"actor": "admin", "action": "source.rotated", "subject": "desk", "reason": REASON}
    ]


def test_a_source_is_refused_and_let_in_again_without_a_body(api: PopulatedApi) -> None:
    client, bearer = api.service.client, {"Authorization": "Bearer admin"}

    answers = [client.post(f"/api/v1/sources/desk/{act}", headers=bearer) for act in ("disable", "enable", "renewed")]

    assert [one.get_json()["enabled"] for one in answers] == [False, True, True]
    assert [one["action"] for one in api.service.audit_entries()] == [
        "source.disabled",
        "source.enabled",
        "source.renewed",
    ]
    assert {one["reason"] for one in api.service.audit_entries()} == {""}


@pytest.mark.parametrize("act", ["rotate", "enable", "disable", "renewed"])
def test_acts_on_a_source_that_is_not_there_change_nothing(service: Service, act: str) -> None:
    answers = [service.post(f"/sources/{name}/{act}", {}) for name in ("none", "%00", "a%20b")]

    assert [one.status_code for one in answers] == [404] * 3
    assert service.audit_entries() == []


def test_a_new_policy_version_is_in_force_at_once_and_says_who_and_why(service: Service) -> None:
    given = {"book": "paper", "mode": "SPLIT_CAPITAL", "split": "0.25", "label": "careful", "reason": REASON}

    first = service.post("/policy", given, token="admin")
    second = service.post("/policy", {"book": "paper", "split": 1, "reason": REASON}, token="admin")

    told = first.get_json()
    assert (first.status_code, second.status_code) == (201, 201)
    assert (told["policy_version"], told["mode"], told["split"]) == ("careful", "SPLIT_CAPITAL", 0.25)
    assert (told["set_by"], told["reason"], told["switch"]) == ("admin", REASON, "on")
    assert (second.get_json()["policy_version"], second.get_json()["split"]) == ("careful.2", 1.0)
    assert service.items("/policy?book=paper")[:2] == [second.get_json(), told]
    assert [one["action"] for one in service.audit_entries()] == ["policy.set", "policy.set"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"split": "1.5"}, "split"),
        ({"split": "0.1234567"}, "split"),
        ({"split": "NaN"}, "split"),
        ({"split": "1E-99999999"}, "split"),
        ({"mode": "BOTH"}, "mode"),
        ({"label": ""}, "label"),
        ({"book": "nowhere"}, "book"),
        ({"book": "replay:0123456789ab"}, "book"),
        ({"reason": " "}, "reason"),
    ],
)
def test_a_policy_that_cannot_be_is_named_by_its_field(service: Service, change: dict[str, Any], field: str) -> None:
    before = service.items("/policy")

    answer = service.post("/policy", SWITCH | change)

    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
    assert service.items("/policy") == before


def test_the_switch_is_thrown_by_those_who_operate(service: Service) -> None:
    acts = ("pause", "flatten", "resume")

    answers = [service.post(f"/policy/{act}", SWITCH, token="operator") for act in acts]

    told = [one.get_json() for one in answers]
    assert [one["policy"]["switch"] for one in told] == ["paused", "flat", "on"]
    assert [one["open"] for one in told] == [{"trades": 0, "orders": 0}] * 3
    assert {one["policy"]["set_by"] for one in told} == {"operator"}
    assert service.items("/policy?book=paper&limit=1")[0]["switch"] == "on"
    assert [(one["actor"], one["action"]) for one in service.audit_entries()] == [
        ("operator", "policy.paused"),
        ("operator", "policy.flat"),
        ("operator", "policy.on"),
    ]


def test_an_incident_is_closed_once(api: PopulatedApi) -> None:
    service, path = api.service, f"/incidents/{api.ids['incident_id']}/close"

    first, second = (service.post(path, {"reason": REASON}, token="operator") for _ in range(2))

    assert (first.status_code, first.get_json()["status"]) == (200, "closed")
    assert (second.status_code, second.get_json()["detail"]) == (404, f"no incident {api.ids['incident_id']} is open")
    with service.database.transaction() as session:
        assert incidents.list_open(session) == []
    assert service.audit_entries() == [
        {"actor": "operator", "action": "incident.closed", "subject": str(api.ids["incident_id"]), "reason": REASON}
    ]


def test_a_rerun_is_written_down_under_the_name_of_who_asked(service: Service) -> None:
    signal_id = service.store_dead_signal(received_at=NOON)

    answer = service.post("/signals/rerun", {"ids": [str(signal_id)], "reason": REASON}, token="operator")

    assert answer.status_code == 200
    assert [one["actor"] for one in service.audit_entries()] == ["operator"]


def posts(service: Service, token: str) -> int:
    """Post an alert with a token and return the status."""
    body = {"symbol": "BTCUSDT", "action": "buy", "id": uuid4().hex}
    return service.client.post(f"/webhook/{token}", json=body).status_code


def filled_in(values: dict[str, str]) -> Callable[[re.Match[str]], str]:
    """Return what stands in for a placeholder; what TradingView would not fill in stays NaN."""
    return lambda found: values.get(found.group(1), "NaN")


def test_only_an_administrator_sees_the_symbol_and_the_price_of_a_refused_message(api: PopulatedApi) -> None:
    event_id = api.service.store_quarantined_message({"symbol": "BTCUSDT", "action": "dance", "price": "43000"})

    seen = {
        role: api.service.get(f"/quarantine/{event_id}", token=role).get_json()["today"][0]
        for role in ("viewer", "operator", "admin")
    }

    assert {role: sorted(part) for role, part in seen.items()} == {
        "viewer": ["errors"],
        "operator": ["errors"],
        "admin": ["errors", "price", "symbol"],
    }
    assert (seen["admin"]["symbol"], seen["admin"]["price"]) == ("BTCUSDT", "43000")
