"""Going live on purpose: what is checked, what must be typed, what it changes, and how it is ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from config.vault import AccountVault
from db import accounts, live
from db.accounts import SealedKeys
from db.live import TradesOpen
from db.session import Database
from domain.ports import Broker
from tasks import accounts as opening
from tasks import reconciliation, submission
from tasks.accounts import AccountBroker, AccountUnusable
from tasks.parts import Parts
from tests.going_live import leave
from tests.pipeline_support import add_trend, prepared, rows, run_all, store_signal, with_engines
from tests.processes import SECRET_KEY
from tests.scripted import enters, panel
from tests.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue

BROKER = "ccxt:binance"
WAITING = "SELECT order_id FROM orders WHERE venue = 'binance' AND state IN ('intent', 'resubmit_ok')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A live book in this process, at a simulated venue, with the account `main` whose keys are stored."""

    parts: Parts
    venue: SimulatedVenue

    @property
    def database(self) -> Database:
        """The database."""
        return self.parts.database

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return rows as dictionaries."""
        return rows(self.database, query)

    def enter(self, strategy: str) -> UUID:
        """Store an entry of the live book and take it through its stages; its order waits for `send`."""
        signal_id = store_signal(self.database, book="live", strategy=strategy)
        run_all(self.parts, [signal_id])
        return signal_id

    def send(self) -> None:
        """Do what a worker does with each order that waits."""
        for one in self.rows(WAITING):
            reconciliation.after(self.parts, submission.send_alone(self.parts, one["order_id"]))


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as made:
        yield made


@pytest.fixture
def floor(database_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    environ = {"BROKER": BROKER, "VENUE_URL": venue.url, "SECRET_KEY": SECRET_KEY}
    for name, value in (environ | {"DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)
    parts = prepared(database_url, "redis://127.0.0.1:1", **environ)
    monkeypatch.setattr(submission, "announce", lambda _: None)
    add_trend(parts.database, book="live")
    with parts.transaction() as session:
        session.execute(
            text("INSERT INTO sources (name, book, token_hash, token_encrypted) VALUES ('real', 'live', 'y', '')")
        )
        accounts.add(session, "main", venue=BROKER, keys=sealed(KEY, SECRET))
    yield Floor(parts=with_engines(parts, panel(enters(), enters())), venue=venue)
    parts.database.dispose()


def sealed(key: str, secret: str, *, under: str = SECRET_KEY) -> SealedKeys:
    vault = AccountVault(under)
    return SealedKeys(key=vault.seal(key), secret=vault.seal(secret))


def policy(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["policy", *arguments, "--reason", "a test"], input=given)


def go_live(*more: str, name: str = "main") -> Result:
    return policy("live", name, "--confirm", name, *more)


def is_live(floor: Floor) -> str | None:
    (book,) = floor.rows("SELECT live_account FROM books WHERE book = 'live'")
    account: str | None = book["live_account"]
    return account


def bad(result: Result) -> list[str]:
    return [line.split()[1] for line in result.stdout.splitlines() if line.startswith("BAD")]


def test_when_all_is_there_and_the_name_is_typed_the_book_is_live_and_it_is_noted(floor: Floor) -> None:
    done = policy("live", "main", given="main\n")

    (switch,) = floor.rows("SELECT account, reason FROM live_switches")
    (entry,) = floor.rows("SELECT action, subject, reason, detail FROM audit_log")
    assert done.exit_code == 0, done.output
    assert [line[:3] for line in done.stdout.splitlines()[:6]] == ["ok "] * 6
    assert "the venue answers" in done.stdout
    assert is_live(floor) == "main"
    assert switch == {"account": "main", "reason": "a test"}
    assert entry == {"action": "policy.live", "subject": "live", "reason": "a test", "detail": {"account": "main"}}
    assert KEY not in done.output


@pytest.mark.parametrize("word", ["", "Main", "yes"])
def test_a_wrong_word_changes_nothing(floor: Floor, word: str) -> None:
    typed = policy("live", "main", given=f"{word}\n")
    told = policy("live", "main", "--confirm", word)

    assert (typed.exit_code, told.exit_code) == (1, 1)
    assert "nothing was changed" in typed.output
    assert is_live(floor) is None
    assert floor.rows("SELECT FROM live_switches") == floor.rows("SELECT FROM audit_log") == []


@pytest.mark.parametrize(
    ("broken", "name", "missing"),
    [
        ("SELECT 1", "nobody", ["account", "venue"]),
        ("UPDATE accounts SET enabled = false", "main", ["account"]),
        ("UPDATE accounts SET venue = 'alpaca'", "main", ["venue", "answer"]),
        ("UPDATE sources SET enabled = false", "main", ["source"]),
        ("UPDATE sources SET book = 'paper'", "main", ["source"]),
    ],
)
def test_each_thing_that_is_missing_is_named_and_nothing_is_changed(
    floor: Floor, broken: str, name: str, missing: list[str]
) -> None:
    with floor.database.transaction() as session:
        session.execute(text(broken))

    refused = go_live(name=name)

    assert refused.exit_code == 1
    assert bad(refused) == missing
    assert is_live(floor) is None


def test_without_a_secret_key_of_the_environment_the_book_does_not_go_live(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY")

    assert bad(go_live("--unchecked")) == ["SECRET_KEY"]
    assert is_live(floor) is None


def test_keys_that_the_venue_refuses_are_found_before_the_book_is_live(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "mistyped", venue=BROKER, keys=sealed("another key", SECRET))

    checked, unchecked = go_live(name="mistyped"), go_live("--unchecked", name="mistyped")

    assert (bad(checked), checked.exit_code) == (["answer"], 1)
    assert (bad(unchecked), unchecked.exit_code) == ([], 0)
    assert "not asked for (--unchecked)" in unchecked.stdout


def test_a_venue_that_is_silent_is_found_in_time(floor: Floor) -> None:
    floor.venue.fault("silent", on="account", times=None)

    refused = go_live()
    floor.venue.clear()

    assert bad(refused) == ["answer"]
    assert is_live(floor) is None


def test_an_entry_of_a_book_that_is_not_live_is_recorded_in_shadow_only(floor: Floor) -> None:
    floor.enter("early")

    (told,) = floor.rows("SELECT execution_mode, reason FROM execution_policies")
    assert told == {"execution_mode": "SHADOW_ONLY", "reason": "not_live"}
    assert floor.rows("SELECT FROM orders WHERE venue <> 'model'") == []
    assert len(floor.rows("SELECT FROM trades WHERE is_shadow")) == 2


def test_an_order_goes_out_with_the_stored_keys_of_the_account(floor: Floor) -> None:
    go_live()

    floor.enter("with stored keys")
    floor.send()

    (order,) = floor.rows("SELECT client_order_id, state FROM orders WHERE venue = 'binance'")
    assert order["state"] == "filled"
    assert floor.venue.executions(order["client_order_id"]) == 1


def test_an_order_that_waited_while_the_book_left_the_venue_is_denied_and_the_open_trade_still_exits(
    floor: Floor,
) -> None:
    go_live()
    floor.enter("open")
    floor.send()
    floor.enter("waiting")
    leave(floor.database, keep_open=True)

    floor.send()
    run_all(floor.parts, [store_signal(floor.database, book="live", strategy="open", action="exit")])
    floor.send()

    orders = floor.rows("SELECT intent, state FROM orders WHERE venue = 'binance' ORDER BY created_at")
    (denial,) = floor.rows("SELECT denial FROM trades WHERE status = 'denied'")
    assert [tuple(one.values()) for one in orders] == [("entry", "filled"), ("entry", "denied"), ("exit", "filled")]
    assert denial["denial"] == "not_live"


def test_leaving_is_refused_while_real_trades_are_open_unless_they_are_kept(floor: Floor) -> None:
    go_live()
    floor.enter("open")
    floor.send()

    refused = policy("paper")
    stayed, done = is_live(floor), policy("paper", "--keep-open")

    assert (refused.exit_code, stayed) == (1, "main")
    assert "1 real trades are open on main" in refused.output
    assert (done.exit_code, is_live(floor)) == (0, None)
    assert "main is no longer live" in done.output
    assert [one["action"] for one in floor.rows("SELECT action FROM audit_log ORDER BY entry_id")] == [
        "policy.live", "policy.paper",
    ]  # fmt: skip


@pytest.mark.usefixtures("floor")
def test_leaving_when_the_book_is_not_live_says_so() -> None:
    done = policy("paper")

    assert (done.exit_code, done.output) == (0, "the book live was not live; nothing was changed\n")


def test_another_account_follows_only_when_nothing_is_open_on_the_last_one(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "second", venue=BROKER, keys=sealed(KEY, SECRET))
    go_live()
    floor.enter("open")
    floor.send()

    refused = go_live(name="second")
    leave(floor.database, keep_open=True)
    refused_later = go_live(name="second")

    assert (refused.exit_code, refused_later.exit_code) == (1, 1)
    assert "1 real trades are open on main" in refused.output
    with pytest.raises(TradesOpen), floor.database.transaction() as session:
        live.switch_on(session, "second", actor="me", reason="a test")


def test_a_worker_takes_the_next_account_without_a_restart(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "mistyped", venue=BROKER, keys=sealed("another key", SECRET))
    go_live("--unchecked", name="mistyped")
    floor.enter("with keys that are refused")
    floor.send()
    go_live()

    floor.enter("with the keys of the next account")
    floor.send()

    states = [
        one["state"] for one in floor.rows("SELECT state FROM orders WHERE venue = 'binance' ORDER BY created_at")
    ]
    assert states == ["rejected", "filled"]


def test_keys_that_a_worker_cannot_read_send_nothing_and_are_an_incident(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "sealed", venue=BROKER, keys=sealed(KEY, SECRET, under="quite another secret key"))
        live.switch_on(session, "sealed", actor="me", reason="a test")
    asked = len(floor.venue.ledger.requests("submit"))

    floor.enter("unreadable")
    floor.send()

    (order,) = floor.rows("SELECT state FROM orders WHERE venue = 'binance'")
    (incident,) = floor.rows("SELECT kind, subject, detail->>'why' AS why FROM incidents")
    assert order["state"] == "resubmit_ok"
    assert (incident["kind"], incident["subject"]) == ("account_unusable", "sealed")
    assert "encrypted under another SECRET_KEY" in incident["why"]
    assert len(floor.venue.ledger.requests("submit")) == asked


def test_an_account_elsewhere_than_broker_says_is_not_opened(floor: Floor) -> None:
    with floor.database.transaction() as session:
        stored = accounts.by_name(session, "main")

    with pytest.raises(AccountUnusable, match="is at ccxt:binance, and BROKER is alpaca"):
        opening.open_account(replace(floor.parts.settings, broker="alpaca"), stored)


def test_an_account_without_keys_of_its_own_needs_those_of_the_environment(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "bare", venue=BROKER, keys=None)
        stored = accounts.by_name(session, "bare")

    with pytest.raises(AccountUnusable, match="BROKER_KEY"):
        opening.open_account(floor.parts.settings, stored)


def test_without_an_account_the_broker_holds_nothing_and_sends_nothing(floor: Floor) -> None:
    broker: Broker = AccountBroker(floor.parts.settings, floor.database)

    assert broker.positions() == []
    assert reconciliation.reconcile(floor.parts, "live") == 0
    with pytest.raises(AccountUnusable, match="the live book has no account"):
        broker.find([])


def test_no_key_is_in_what_a_process_prints_of_its_settings_and_accounts(floor: Floor) -> None:
    with floor.database.transaction() as session:
        stored = accounts.by_name(session, "main")
    made = opening.open_account(floor.parts.settings, stored)

    printed = f"{floor.parts} {stored} {made!r} {floor.parts.settings}"

    assert KEY not in printed
    assert SECRET not in printed


def test_doctor_and_policy_show_tell_whether_live_is_on(floor: Floor) -> None:
    def told() -> tuple[str, Any]:
        checks = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)["checks"]
        shown = CliRunner().invoke(cli, ["policy", "show", "--book", "live", "--json"]).stdout
        (doctor,) = (one["detail"] for one in checks if one["check"] == "live trading")
        return doctor, json.loads(shown)["live"]["account"]

    before = told()
    go_live()
    after = told()

    assert before == (f"off: no entry goes to {BROKER} before `orchestrator policy live ACCOUNT`", None)
    assert after[0].startswith(f"on: account main at {BROKER}, since ")
    assert after[1] == "main"
    assert "live trading is on" in CliRunner().invoke(cli, ["policy", "show", "--book", "live"]).stdout


def test_doctor_finds_an_account_that_cannot_be_opened_here(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_live()
    monkeypatch.setenv("SECRET_KEY", "quite another secret key")

    checks = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)["checks"]

    (trading,) = (one for one in checks if one["check"] == "live trading")
    assert not trading["ok"]
    assert "encrypted under another SECRET_KEY" in trading["detail"]


def test_with_the_paper_broker_the_live_book_trades_on_paper_without_going_live(database_url: str) -> None:
    parts = prepared(database_url, "redis://127.0.0.1:1")
    add_trend(parts.database, book="live")

    run_all(with_engines(parts, panel(enters(), enters())), [store_signal(parts.database, book="live")])

    (order,) = rows(parts.database, "SELECT venue, state, quantity FROM orders WHERE venue <> 'model'")
    parts.database.dispose()
    assert (order["venue"], order["state"]) == ("paper", "filled")
    assert order["quantity"] > Decimal(0)
