"""Going live on purpose: what is checked, what must be typed, what it changes, and how it is ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from db import accounts, live
from db.live import TradesOpen
from tests.support.going_live import leave
from tests.support.live_book import BROKER, Floor, a_floor, go_live, policy, sealed
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as made:
        yield made


@pytest.fixture
def floor(database_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    with a_floor(database_url, venue, monkeypatch) as made:
        yield made


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
        "policy.live",
        "policy.paper",
    ]


@pytest.mark.usefixtures("floor")
def test_leaving_when_the_book_is_not_live_says_so() -> None:
    done = policy("paper")

    assert done.exit_code == 0
    assert done.stdout.startswith("the book live of ")
    assert done.stdout.endswith(" was not live; nothing was changed\n")


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
