"""What people change by HTTP: sources, policy, incidents; who may, and what stands in the audit log afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.local.stack import ServerUrls
from db import incidents
from domain.access import Role, Scope
from tests.api_desk import FullDesk, a_full_desk
from tests.api_support import PREFIX, REASON, REDIS_DB, Service
from tests.integration.test_api_contract import DOCUMENT
from tests.people import COOKIE, a_session, a_user, form_token
from tests.pipeline_support import NOON
from tests.stacks import with_redis_database

OPERATE, ADMIN = Role.OPERATOR.scopes, Role.ADMIN.scopes
STEP_UP = "urn:trading-orchestrator:step-up-needed"
STEPS_UP = {"/signals/rerun", "/policy/resume", "/policy/flatten"}
READING = {"book": "paper", "reason": REASON}


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[FullDesk]:
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with a_full_desk(database_url, redis_url, PUBLIC_URL="https://alerts.example/") as made:
        made.service.know(viewer=Role.VIEWER.scopes, operator=OPERATE, admin=ADMIN, scraper=frozenset({Scope.METRICS}))
        yield made


@pytest.fixture
def service(desk: FullDesk) -> Service:
    return desk.service


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser in which an administrator is logged in, on a page of ours."""

    client: FlaskClient
    form_token: str

    def post(self, path: str, document: Any) -> TestResponse:
        """Send what a script of that page would send."""
        return self.client.post(f"{PREFIX}{path}", json=document, headers={"X-CSRF-Token": self.form_token})


def a_browser(service: Service, *, has_stepped_up: bool) -> Browser:
    """Return a browser of somebody who gave the password just now, or a while ago."""
    a_user(service.database, "ann", Role.ADMIN)
    client = service.app.test_client()
    client.set_cookie(COOKIE, a_session(service.database, "ann"))
    if not has_stepped_up:
        with service.database.transaction() as session:
            session.execute(text("UPDATE web_sessions SET stepped_up_until = NULL"))
    return Browser(client=client, form_token=form_token(client.get("/account")))


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and scope of each operation, with ids that nothing has."""
    for path, item in DOCUMENT["paths"].items():
        for method in ("get", "post"):
            if method in item:
                ((scope,),) = (one["bearer"] for one in item[method]["security"])
                filled = path.removeprefix("/api/v1").replace("{name}", "none")
                yield method, "/".join(str(UUID(int=0)) if "{" in part else part for part in filled.split("/")), scope


def test_each_operation_is_for_those_with_its_scope_only(service: Service) -> None:
    may = {"viewer": Role.VIEWER.scopes, "operator": OPERATE, "admin": ADMIN, "scraper": frozenset({Scope.METRICS})}

    refused = {
        (name, method, path): service.get(path, token=name).status_code == 403
        if method == "get"
        else service.post(path, {}, token=name).status_code == 403
        for name in may
        for method, path, _ in operations()
    }

    assert refused == {
        (name, method, path): Scope(scope) not in scopes
        for name, scopes in may.items()
        for method, path, scope in operations()
    }
    assert {scope for *_, scope in operations()} == {"read", "operate", "admin"}


def test_a_refusal_says_which_scope_is_missing(service: Service) -> None:
    answer = service.post("/policy/pause", READING, token="viewer")

    document = answer.get_json()
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert (document["type"], document["detail"]) == ("about:blank", "this needs the scope 'operate'")


def test_a_person_is_asked_for_the_password_before_what_cannot_be_taken_back(service: Service) -> None:
    browser = a_browser(service, has_stepped_up=False)
    posts = [path for method, path, _ in operations() if method == "post"]

    answers = {path: browser.post(path, {}) for path in posts}

    asked = {path for path, one in answers.items() if one.get_json().get("type") == STEP_UP}
    assert asked == STEPS_UP
    assert {answers[path].status_code for path in STEPS_UP} == {403}


def test_a_person_who_gave_the_password_just_now_may_go_on(service: Service) -> None:
    answer = a_browser(service, has_stepped_up=True).post("/policy/flatten", READING)

    assert answer.status_code == 200
    assert service.audited() == [{"actor": "ann", "action": "policy.flat", "subject": "paper", "reason": REASON}]


def test_what_no_page_of_ours_sent_is_refused(service: Service) -> None:
    browser = a_browser(service, has_stepped_up=True)

    answers = [
        browser.client.post(f"{PREFIX}/policy/flatten", json=READING, headers=headers)
        for headers in ({}, {"X-CSRF-Token": "made-up"})
    ]

    assert [one.status_code for one in answers] == [400, 400]
    assert {one.content_type for one in answers} == {"application/problem+json"}
    assert service.audited() == []


def test_the_url_of_a_source_is_shown_to_administrators_only(desk: FullDesk) -> None:
    service, url = desk.service, f"https://alerts.example/webhook/{desk.token}"

    seen = {
        name: [
            next(
                one["url"] for one in service.get("/sources", token=name).get_json()["items"] if one["name"] == "desk"
            ),
            service.get("/sources/desk", token=name).get_json()["url"],
            service.get("/sources/desk/template", token=name).get_json()["url"],
        ]
        for name in ("viewer", "operator", "admin")
    }

    assert seen == {"viewer": [None] * 3, "operator": [None] * 3, "admin": [url] * 3}
    for path in ("/sources", "/sources/desk", "/sources/desk/template"):
        assert desk.token not in service.get(path, token="operator").get_data(as_text=True)


def test_a_template_is_what_the_webhook_understands(desk: FullDesk) -> None:
    template = desk.service.get("/sources/desk/template").get_json()

    assert set(template) == {"url", "strategy", "buy", "exit"}
    assert "{{strategy.order.action}}" in template["strategy"]
    assert '"action": "buy"' in template["buy"]


def test_a_source_is_made_and_its_token_posts(service: Service) -> None:
    given = {
        "name": "new-desk", "timeframe": "1h", "symbols": {"us 100": "NASDAQ:NDX"}, "heartbeat_s": 3600,
        "reason": REASON,
    }  # fmt: skip

    answer = service.post("/sources", given, token="admin")

    made = answer.get_json()
    assert answer.status_code == 201
    assert (made["name"], made["book"], made["timeframe"], made["symbols"], made["heartbeat_s"], made["enabled"]) == (
        "new-desk", "paper", "1h", {"US100": "NASDAQ:NDX"}, 3600, True,
    )  # fmt: skip
    assert made == service.get("/sources/new-desk").get_json()
    assert posts(service, made["token"]) == 200
    assert service.audited() == [{"actor": "admin", "action": "source.added", "subject": "new-desk", "reason": REASON}]


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
    assert service.audited() == []


def test_a_name_that_is_taken_is_a_conflict(service: Service) -> None:
    answer = service.post("/sources", {"name": "desk"})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.get_json()["detail"] == "there is a source named 'desk' already"
    assert service.audited() == []


def test_another_token_holds_beside_the_present_one_for_as_long_as_was_asked(desk: FullDesk) -> None:
    service = desk.service

    rotated = service.post("/sources/desk/rotate", {"keep_s": 3600, "reason": REASON}, token="admin").get_json()

    assert rotated["token"] != desk.token
    assert [posts(service, token) for token in (desk.token, rotated["token"])] == [200, 200]
    kept = "SELECT extract(epoch FROM previous_until - now())::int AS left_s FROM sources WHERE name = 'desk'"
    (left,) = service.rows(kept)
    assert 3500 < left["left_s"] <= 3600
    assert rotated["previous_until"].endswith("Z")
    assert service.audited() == [{"actor": "admin", "action": "source.rotated", "subject": "desk", "reason": REASON}]


def test_a_source_is_refused_and_let_in_again_without_a_body(desk: FullDesk) -> None:
    client, bearer = desk.service.client, {"Authorization": "Bearer admin"}

    answers = [client.post(f"/api/v1/sources/desk/{act}", headers=bearer) for act in ("disable", "enable", "renewed")]

    assert [one.get_json()["enabled"] for one in answers] == [False, True, True]
    assert [one["action"] for one in desk.service.audited()] == ["source.disabled", "source.enabled", "source.renewed"]
    assert {one["reason"] for one in desk.service.audited()} == {""}


@pytest.mark.parametrize("act", ["rotate", "enable", "disable", "renewed"])
def test_acts_on_a_source_that_is_not_there_change_nothing(service: Service, act: str) -> None:
    answers = [service.post(f"/sources/{name}/{act}", {}) for name in ("none", "%00", "a%20b")]

    assert [one.status_code for one in answers] == [404] * 3
    assert service.audited() == []


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
    assert [one["action"] for one in service.audited()] == ["policy.set", "policy.set"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"split": "1.5"}, "split"), ({"split": "0.1234567"}, "split"), ({"split": "NaN"}, "split"),
     ({"split": "1E-99999999"}, "split"), ({"mode": "BOTH"}, "mode"), ({"label": ""}, "label"),
     ({"book": "nowhere"}, "book"), ({"book": "replay:0123456789ab"}, "book"), ({"reason": " "}, "reason")],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_named_by_its_field(service: Service, change: dict[str, Any], field: str) -> None:
    before = service.items("/policy")

    answer = service.post("/policy", READING | change)

    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
    assert service.items("/policy") == before


def test_the_switch_is_thrown_by_those_who_operate(service: Service) -> None:
    acts = ("pause", "flatten", "resume")

    answers = [service.post(f"/policy/{act}", READING, token="operator") for act in acts]

    told = [one.get_json() for one in answers]
    assert [one["policy"]["switch"] for one in told] == ["paused", "flat", "on"]
    assert [one["open"] for one in told] == [{"trades": 0, "orders": 0}] * 3
    assert {one["policy"]["set_by"] for one in told} == {"operator"}
    assert service.items("/policy?book=paper&limit=1")[0]["switch"] == "on"
    assert [(one["actor"], one["action"]) for one in service.audited()] == [
        ("operator", "policy.paused"), ("operator", "policy.flat"), ("operator", "policy.on"),
    ]  # fmt: skip


def test_an_incident_is_closed_once(desk: FullDesk) -> None:
    service, path = desk.service, f"/incidents/{desk.ids['incident_id']}/close"

    first, second = (service.post(path, {"reason": REASON}, token="operator") for _ in range(2))

    assert (first.status_code, first.get_json()["status"]) == (200, "closed")
    assert (second.status_code, second.get_json()["detail"]) == (404, f"no incident {desk.ids['incident_id']} is open")
    with service.database.transaction() as session:
        assert incidents.list_open(session) == []
    assert service.audited() == [
        {"actor": "operator", "action": "incident.closed", "subject": str(desk.ids["incident_id"]), "reason": REASON}
    ]


def test_a_rerun_is_written_down_under_the_name_of_who_asked(service: Service) -> None:
    signal_id = service.dead(received_at=NOON)

    answer = service.post("/signals/rerun", {"ids": [str(signal_id)], "reason": REASON}, token="operator")

    assert answer.status_code == 200
    assert [one["actor"] for one in service.audited()] == ["operator"]


def posts(service: Service, token: str) -> int:
    """Post an alert with a token and return the status."""
    body = {"symbol": "BTCUSDT", "action": "buy", "id": uuid4().hex}
    return service.client.post(f"/webhook/{token}", json=body).status_code
