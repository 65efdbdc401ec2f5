"""A secret is put into every input; no log, page, answer, command or process list shows it (F45)."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from redis import Redis

from config.vault import AccountVault
from db import accounts, incidents, live
from db.accounts import SealedKeys
from domain.access import Role
from stack.servers import ServerUrls
from tasks import pipeline, queues
from tests.support.builders.users import COOKIE, a_session, a_token, a_user
from tests.support.pipeline import add_trend
from tests.support.servers.alert_sender import THIS_HOUR, an_alert
from tests.support.servers.message_brokers import Broker, a_broker
from tests.support.servers.processes import free_port
from tests.support.servers.simulated_venue import SimulatedVenue, simulated_venue
from tests.support.servers.stacks import Stack, a_database, a_stack_on, alive, children_of
from tests.support.waiting import until

CANARY = "CANARY4711CANARY4711CANARY"
REDIS_DB = 0
HEADERS = {
    "Authorization": f"Bearer {CANARY}",
    "Cookie": f"session={CANARY}",
    "X-Signature": CANARY,
    "User-Agent": CANARY,
    "Content-Type": "application/json",
}
BODIES: list[bytes] = [
    json.dumps(an_alert(passphrase=CANARY, nested={"api_key": CANARY, "list": [{"token": CANARY}]})).encode(),
    json.dumps({"action": "buy", "password": CANARY}).encode(),
    json.dumps({"symbol": "BTCUSDT", "action": "buy", "secret": CANARY, "price": "NaN", "time": CANARY}).encode(),
    f'{{"symbol": "BTCUSDT", "secret": "{CANARY}"'.encode(),
    f"passphrase={CANARY} BTCUSDT".encode(),
    f'{{"secret": "{CANARY}", "x": "{"y" * 70_000}"}}'.encode(),
    b"\xff\xfe" + CANARY.encode(),
    b"[" * 200 + CANARY.encode(),
]


ONE_OF_EACH = """
    SELECT (SELECT signal_id FROM signals LIMIT 1), (SELECT experiment_id FROM experiments LIMIT 1),
        (SELECT trade_id FROM trades LIMIT 1),
        (SELECT event_id FROM webhook_events WHERE kind = 'quarantined' LIMIT 1),
        (SELECT study_id FROM studies WHERE book = 'paper')
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Give a Redis whose password is the secret."""
    with a_broker("redis") as made:
        with Redis.from_url(made.url) as client:
            client.config_set("requirepass", CANARY)
        made.url = made.url.replace("redis://", f"redis://:{CANARY}@")
        yield made


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    """Give a venue that does not know the keys of our account, which are the secret."""
    with simulated_venue(tmp_path_factory.mktemp("venue")) as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    broker: Broker,
    server_urls: ServerUrls,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    venue: SimulatedVenue,
) -> Iterator[Stack]:
    """Give all processes, with the secret in every setting and every key that may hold one."""
    directory = tmp_path_factory.mktemp("canary")
    environ = {
        "SECRET_KEY": CANARY,
        "FLOWER_BASIC_AUTH": f"admin:{CANARY}",
        "LOG_LEVEL": "DEBUG",
        "BROKER": "ccxt:binance",
        "BROKER_KEY": CANARY,
        "BROKER_SECRET": CANARY,
        "VENUE_URL": venue.url,
        "NOTIFY_URLS": f"json://user:{CANARY}@127.0.0.1:1/{CANARY}",
    }
    with (
        a_database(server_urls, template_database) as url,
        a_stack_on(with_password(url), broker.url, directory, environ) as made,
    ):
        keys = AccountVault(CANARY)
        with made.database.transaction() as session:
            sealed = SealedKeys(key=keys.seal(CANARY), secret=keys.seal(CANARY))
            accounts.add(session, "main", venue="ccxt:binance", keys=sealed)
            live.switch_on(session, "main", actor="tests", reason="a test")
        add_trend(made.database, until=THIS_HOUR)
        made.processes.start_worker()
        made.processes.start_beat()
        made.start_web()
        yield made


def with_password(url: str) -> str:
    """Return a database's URL with the secret as its password, unless it has one: trusted, none is asked for."""
    parts = urllib.parse.urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return url if ":" in user else parts._replace(netloc=f"{user}:{CANARY}@{host}").geturl()


def asked(url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> str:
    """Return an answer with its headers as text, whatever its status."""
    request = urllib.request.Request(url, body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return f"{answer.headers}\n{answer.read().decode(errors='replace')}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.headers}\n{error.read().decode(errors='replace')}"


def test_f45_no_answer_to_a_sender_shows_it(stack: Stack) -> None:
    token = stack.asked("sources", "add", "desk")["token"]
    urls = (f"{stack.web_url}/webhook/{token}?token={CANARY}", f"{stack.web_url}/webhook/{CANARY}")

    answers = [asked(url, body=body, headers=HEADERS) for url in urls for body in BODIES]

    assert any('"accepted"' in one for one in answers)
    assert any('"quarantined"' in one for one in answers)
    assert any('"unauthorized"' in one for one in answers)
    assert [one for one in answers if CANARY in one] == []


def test_f45_no_page_shows_it(stack: Stack) -> None:
    paths = ("/", "/healthz", "/readyz", f"/?study={CANARY}", f"/{CANARY}", "/metrics")

    a_user(stack.database, "reader")
    logged_in = {"Cookie": f"session={CANARY}; {COOKIE}={a_session(stack.database, 'reader')}", "User-Agent": "reader"}

    pages = [asked(stack.web_url + path, headers=HEADERS) for path in paths]
    read = [asked(f"{stack.web_url}{path}", headers=logged_in) for path in ("/", "/account", "/sources")]

    # A page may say back which study was asked for; that it is asked for is no secret.
    shown = [path for path, page in zip(paths, pages, strict=True) if CANARY in page and CANARY not in path]
    assert shown == []
    assert all("Logged in as" in page and CANARY not in page for page in read)


def test_f45_no_answer_of_the_api_shows_it(stack: Stack) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")
    a_user(stack.database, "programmer", Role.ADMIN)
    bearer = {"Authorization": f"Bearer {a_token(stack.database, 'programmer')[1]}"}
    document = json.loads(asked(f"{stack.web_url}/api/v1/openapi.json", headers=bearer).partition("\n\n")[2])
    kept = dict(stack.rows(ONE_OF_EACH)[0]) | {"name": "desk", "incident_id": UUID(int=0)}
    gets = [path.format(**kept) for path, item in document["paths"].items() if "get" in item]
    posts = [path.format(**kept) for path, item in document["paths"].items() if "post" in item]

    shown = {
        path: asked(stack.web_url + path, headers=bearer) for path in (*gets, *(f"{one}?format=csv" for one in gets))
    }
    body = json.dumps({"secret": CANARY, "ids": [CANARY], "reason": "to see", "book": CANARY}).encode()
    given = bearer | {"Content-Type": "application/json", "X-Secret": CANARY}
    told = {path: asked(f"{stack.web_url}{path}?token={CANARY}", body=body, headers=given) for path in posts}

    assert len(gets) > 15
    assert all(value is not None for value in kept.values())
    assert [path for path, answer in (shown | told).items() if CANARY in answer] == []
    assert "raw_payload" in shown[f"/api/v1/signals/{kept['signal_id']}"]


def test_f45_nobody_who_is_told_of_incidents_and_no_row_shows_it(stack: Stack) -> None:
    with stack.database.transaction() as session:
        incidents.open_(session, kind="source_silent", subject="tests", detail={})

    until(lambda: "notification.failed" in stack.processes.said("worker"), what="a notification that is not taken")

    told = stack.run("incidents", "notify-test")
    [row] = stack.rows("SELECT last_error, told FROM notifications")
    assert (told.returncode, told.stdout) == (1, "1 (json): did not take it\n")
    assert CANARY not in stack.processes.said("worker") + told.stderr + str(row)


def test_f45_flower_does_not_show_it(stack: Stack) -> None:
    port = free_port()
    stack.processes.start("flower", "run", "flower", "--port", str(port))
    credentials = base64.b64encode(f"admin:{CANARY}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    base = f"http://127.0.0.1:{port}"

    def workers() -> dict[str, Any]:
        text = asked(f"{base}/api/workers?refresh=1", headers=headers).partition("\n\n")[2].strip()
        found: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
        return found if any("conf" in one for one in found.values()) else {}

    until(lambda: answers(f"{base}/healthcheck"), deadline_s=30, what="Flower")
    known = until(workers, deadline_s=30, what="the workers' settings in Flower")
    pages = [asked(base + path, headers=headers) for path in ("/workers", "/tasks", "/broker", "/api/tasks")]
    pages += [asked(f"{base}/worker/{urllib.parse.quote(name)}", headers=headers) for name in known]

    assert CANARY not in json.dumps(known)
    assert [one for one in pages if CANARY in one] == []


def answers(url: str) -> bool:
    try:
        return bool(asked(url))
    except OSError:
        return False


def test_f45_a_venue_that_refuses_the_keys_of_an_account_does_not_bring_them_into_the_log(stack: Stack) -> None:
    pipeline.connect(stack.settings)
    current_app.send_task("orders.check_positions", queue=queues.ORDERS)

    until(lambda: "venue.silent" in stack.processes.said("worker"), what="the venue's refusal")

    assert "account.opened" in stack.processes.said("worker")
    assert CANARY not in stack.processes.said("worker")


def test_f45_no_command_shows_it(stack: Stack) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")
    ids: list[UUID] = [row["signal_id"] for row in stack.rows("SELECT signal_id FROM signals")]
    commands = [
        ("signals", "list", "--json"),
        ("sources", "list", "--json"),
        ("doctor", "--json"),
        ("report", "--json"),
        ("signals", "show", str(ids[0]), "--json"),
        ("accounts", "list", "--json"),
        ("accounts", "list"),
        ("policy", "show", "--book", "live"),
        ("policy", "live", "main", "--confirm", "main", "--reason", "a test"),
    ]

    shown = [command for command in commands for done in [stack.run(*command)] if CANARY in done.stdout + done.stderr]

    assert ids
    assert shown == []


def test_f45_no_command_shows_it_when_the_servers_are_away(stack: Stack) -> None:
    away = {
        "DATABASE_URL": f"postgresql://user:{CANARY}@127.0.0.1:1/none",
        "BROKER_URL": f"amqp://user:{CANARY}@127.0.0.1:1//",
    }
    stack.processes.extra.update(away)
    commands = (("migrate",), ("doctor",), ("run", "web"), ("run", "worker", "--queues", "pipeline"))

    said = [stack.run(*command) for command in commands]
    for name in away:
        del stack.processes.extra[name]

    assert {one.returncode for one in said} <= {1, 2}
    assert [one.args for one in said if CANARY in one.stdout + one.stderr] == []


def test_f45_no_log_and_no_process_list_shows_it_even_when_the_broker_was_away(stack: Stack, broker: Broker) -> None:
    broker.stop()
    until(lambda: "Cannot connect" in stack.processes.said("worker"), what="the worker's complaint")
    until(lambda: "Couldn't apply" in stack.processes.said("beat"), what="beat's complaint")
    broker.start()
    ours = [one for process in stack.processes.running.values() for one in (process.pid, *children_of(process.pid))]

    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in alive(ours)]
    logs = {path.name: path.read_text(errors="replace") for path in stack.processes.directory.glob("*.log")}

    assert {"web.log", "worker.log", "beat.log", "flower.log"} <= set(logs)
    assert [name for name, text in logs.items() if CANARY in text] == []
    assert [line for line in lines if CANARY in line] == []


def test_f45_what_is_stored_for_display_does_not_hold_it(stack: Stack) -> None:
    query = """
        SELECT (SELECT string_agg(raw_payload::text, '') FROM signals) AS payloads,
            (SELECT string_agg(errors::text, '') FROM webhook_events) AS errors
    """

    (row,) = stack.rows(query)

    assert CANARY not in row["payloads"]
    assert CANARY not in row["errors"]
