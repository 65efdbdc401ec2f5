"""No password, session, form or token that came in is in any answer or log line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from domain.access import Role
from operations import password_hashing
from stack.servers import ServerUrls
from tests.support.builders.users import COOKIE, PASSWORD, ConsoleApp, form_token, start_console_app
from tests.support.servers.stacks import a_database

# Long enough that no page holds it by chance, and with a beginning that makes it no word of a header either.
secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='";,\\'), min_size=12, max_size=58
).map(lambda text: f"9q{text}")
ADDRESSES = count(1)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A web application, and all that it logs."""

    console: ConsoleApp
    logged: io.StringIO


@pytest.fixture(scope="module")
def watched(server_urls: ServerUrls, template_database: str) -> Iterator[Watched]:
    with (
        a_database(server_urls, template_database) as url,
        start_console_app(url, LOG_LEVEL="DEBUG", LOG_FORMAT="json") as console,
        pytest.MonkeyPatch.context() as patch,
    ):
        # What is proved does not depend on how long a hash takes, and there are many.
        patch.setattr(password_hashing, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        patch.setattr(password_hashing, "_DECOY_HASH", password_hashing.hash_password("nobody's"))
        console.add_user("alice", Role.ADMIN)
        logged = io.StringIO()
        [handler] = logging.getLogger().handlers[:1]
        assert isinstance(handler, logging.StreamHandler)
        before = handler.setStream(logged)
        yield Watched(console=console, logged=logged)
        handler.setStream(before)


def everywhere(console: ConsoleApp, secret: str, address: str) -> Iterator[TestResponse]:
    """Put the secret into everything that may hold one, and give the answers."""
    there = {"REMOTE_ADDR": address}
    stranger, session, alice = console.client, console.client, console.logged_in("alice")
    token, own = form_token(stranger.get("/login")), form_token(alice.get("/account"))
    for name, password in (("alice", secret), (secret, PASSWORD), ("nobody", secret)):
        form = {"csrf_token": token, "name": name, "password": password}
        yield stranger.post("/login", data=form, environ_overrides=there)
    yield stranger.post("/login", data={"csrf_token": secret, "name": "alice"}, environ_overrides=there)
    session.set_cookie(COOKIE, secret)
    session.set_cookie("orchestrator-visitor", secret)
    yield from with_headers(session, {}, there)
    yield from with_headers(console.client, {"Authorization": f"Bearer {secret}"}, there)
    yield alice.post("/step-up", data={"csrf_token": own, "password": secret}, environ_overrides=there)
    yield alice.post("/logout", headers={"X-CSRF-Token": secret}, environ_overrides=there)
    form = {"csrf_token": own, "present": secret, "new": secret, "again": secret}
    yield alice.post("/account/password", data=form, environ_overrides=there)
    yield stranger.post(
        "/webhook/x" + secret.replace("/", "").replace("?", "").replace("#", ""), environ_overrides=there
    )


def with_headers(client: FlaskClient, headers: dict[str, str], there: dict[str, str]) -> Iterator[TestResponse]:
    yield client.get("/", headers=headers, environ_overrides=there)
    yield client.get("/account", headers=headers, environ_overrides=there)
    yield client.post("/api/v1/signals/rerun", headers=headers, environ_overrides=there)


@pytest.mark.property_id(44)
@settings(max_examples=100, deadline=None)
@given(secret=secrets)
def test_nothing_secret_that_came_in_is_in_an_answer_or_a_log_line(watched: Watched, secret: str) -> None:
    console = watched.console
    console.change("UPDATE users SET failures = 0, locked_until = NULL")
    begins = watched.logged.tell()

    answers = list(everywhere(console, secret, f"10.1.{next(ADDRESSES) // 200}.{next(ADDRESSES) % 200}"))

    told = [f"{one.headers}\n{one.text}" for one in answers]
    assert {one.status_code for one in answers} <= {303, 400, 401, 422}
    assert [one for one in told if secret in one] == []
    watched.logged.seek(begins)
    lines = watched.logged.read()
    assert "login.failed" in lines
    assert secret not in lines
    assert secret not in str(console.rows("SELECT actor, subject, reason, detail FROM audit_log"))
