"""Who may do what by HTTP: scopes, the password once more, and what is shown to administrators only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from domain.access import Role, Scope
from stack.servers import ServerUrls
from tests.integration.test_api_contract import DOCUMENT
from tests.support.api import PREFIX, REASON, REDIS_DB, ROLE_SCOPES, Service
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.builders.users import a_session, a_user, form_token
from tests.support.servers.stacks import with_redis_database

PUBLIC = "https://alerts.example/"
STEP_UP = "urn:trading-orchestrator:step-up-needed"
STEPS_UP = {"/signals/rerun", "/policy/resume", "/policy/flatten", "/policy/end-flatten"}
SWITCH = {"book": "paper", "reason": REASON}


@pytest.fixture
def api(database_url: str, server_urls: ServerUrls) -> Iterator[PopulatedApi]:
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with start_populated_api(database_url, redis_url, PUBLIC_URL=PUBLIC) as running:
        running.service.accept_tokens(**ROLE_SCOPES)
        yield running


@pytest.fixture
def service(api: PopulatedApi) -> Service:
    return api.service


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser in which an administrator is logged in, on a page of ours."""

    client: FlaskClient
    form_token: str

    def post(self, path: str, document: Any, **headers: str) -> TestResponse:
        """Send what a script of that page would send; `headers` take the place of what shows that it is ours."""
        given = headers or {"X-CSRF-Token": self.form_token}
        return self.client.post(f"{PREFIX}{path}", json=document, headers=given, base_url=PUBLIC)


def a_browser(service: Service, *, has_stepped_up: bool) -> Browser:
    """Return a browser of somebody who gave the password just now, or a while ago."""
    a_user(service.database, "ann", Role.ADMIN)
    client = service.app.test_client()
    client.set_cookie("__Host-session", a_session(service.database, "ann"), domain="alerts.example", secure=True)
    if not has_stepped_up:
        with service.database.transaction() as session:
            session.execute(text("UPDATE web_sessions SET stepped_up_until = NULL"))
    return Browser(client=client, form_token=form_token(client.get("/account", base_url=PUBLIC)))


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and scope of each operation, with ids that nothing has."""
    for path, item in DOCUMENT["paths"].items():
        for method in ("get", "post"):
            if method in item:
                ((scope,),) = (one["bearer"] for one in item[method]["security"])
                filled = path.removeprefix("/api/v1").replace("{name}", "none")
                yield method, "/".join(str(UUID(int=0)) if "{" in part else part for part in filled.split("/")), scope


def test_each_operation_is_for_those_with_its_scope_only(service: Service) -> None:
    refused = {
        (name, method, path): service.get(path, token=name).status_code == 403
        if method == "get"
        else service.post(path, {}, token=name).status_code == 403
        for name in ROLE_SCOPES
        for method, path, _ in operations()
    }

    assert refused == {
        (name, method, path): Scope(scope) not in scopes
        for name, scopes in ROLE_SCOPES.items()
        for method, path, scope in operations()
    }
    assert {scope for *_, scope in operations()} == {"read", "operate", "admin"}


def test_no_route_is_open_to_somebody_without_any_scope(service: Service) -> None:
    service.accept_tokens(nobody=frozenset())
    rules = [rule for rule in service.app.url_map.iter_rules() if rule.rule.startswith("/api/")]

    answers = {
        (method, rule.rule): service.client.open(
            re.sub("<[^>]*>", str(UUID(int=0)), rule.rule), method=method, headers={"Authorization": "Bearer nobody"}
        ).status_code
        for rule in rules
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }

    assert ("GET", "/api/v1/openapi.json") in answers
    assert len(answers) == len(list(operations())) + 1
    assert set(answers.values()) == {403}


def test_a_refusal_says_which_scope_is_missing(service: Service) -> None:
    answer = service.post("/policy/pause", SWITCH, token="viewer")

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
    answer = a_browser(service, has_stepped_up=True).post("/policy/flatten", SWITCH)

    assert answer.status_code == 200
    assert service.audit_entries() == [{"actor": "ann", "action": "policy.flat", "subject": "paper", "reason": REASON}]


def test_what_no_page_of_ours_sent_is_refused(service: Service) -> None:
    browser = a_browser(service, has_stepped_up=True)

    answers = [
        browser.post("/policy/flatten", SWITCH, **{"X-Other": "x"}),
        browser.post("/policy/flatten", SWITCH, **{"X-CSRF-Token": "made-up"}),
    ]

    assert [one.status_code for one in answers] == [400, 400]
    assert {one.content_type for one in answers} == {"application/problem+json"}
    assert service.audit_entries() == []


def test_the_url_of_a_source_is_shown_to_administrators_only(api: PopulatedApi) -> None:
    service, url = api.service, f"https://alerts.example/webhook/{api.token}"

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
        assert api.token not in service.get(path, token="operator").get_data(as_text=True)
