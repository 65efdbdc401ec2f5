"""Two sources on one account: it is told that the venue nets them, when one is added and when the book goes live."""

from __future__ import annotations

from pathlib import Path

from click import Command
from click.testing import CliRunner, Result

from app.cli import policy, sources
from operations import netting
from tasks import pipeline
from tests.support.alert_pipeline import firing_time
from tests.support.pipeline import settings_for
from tests.support.webhook import SECRET_KEY, start_webhook_app

BUY = {"ticker": "BTCUSDT", "action": "buy", "price": "50000"}


def run(url: str, directory: Path, command: Command, *arguments: str) -> Result:
    environment = {"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(directory)}
    return CliRunner().invoke(command, list(arguments), env=environment)


def add(url: str, directory: Path, *arguments: str) -> Result:
    return run(url, directory, sources.command, "add", *arguments)


def test_a_second_source_of_the_live_book_is_told_that_the_venue_nets(database_url: str, tmp_path: Path) -> None:
    first = add(database_url, tmp_path, "first", "--book", "live")
    second = add(database_url, tmp_path, "second", "--book", "live", "--pyramiding", "3")
    on_paper = add(database_url, tmp_path, "third")

    assert "note:" not in first.output + on_paper.output
    assert "note: first post to the book live too" in second.stderr
    assert "the venue nets them to one position" in second.stderr
    assert second.stdout.splitlines()[-1].startswith("http")


def test_the_policy_of_the_live_book_says_that_the_venue_nets_its_sources(database_url: str, tmp_path: Path) -> None:
    def set_mode(book: str, mode: str) -> Result:
        arguments = ("set", "--book", book, "--mode", mode, "--reason", "a test")
        return run(database_url, tmp_path, policy.command, *arguments)

    pipeline.prepare(settings_for(database_url, "redis://127.0.0.1:1"))
    add(database_url, tmp_path, "first", "--book", "live")
    alone = set_mode("live", "ENGINE_A_PRIMARY")
    add(database_url, tmp_path, "second", "--book", "live")
    shared, on_paper = set_mode("live", "ENGINE_B_PRIMARY"), set_mode("paper", "ENGINE_B_PRIMARY")

    assert [result.exit_code for result in (alone, shared, on_paper)] == [0, 0, 0]
    assert "note:" not in alone.output + on_paper.output
    assert "note: first, second post to the book live" in shared.stderr


def test_a_source_that_is_enabled_again_beside_another_is_told_too(database_url: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        add(database_url, tmp_path, name, "--book", "live")
    run(database_url, tmp_path, sources.command, "disable", "second")

    enabled = run(database_url, tmp_path, sources.command, "enable", "second")

    assert "note: first post to the book live too" in enabled.stderr


def test_symbols_that_several_sources_trade_are_named(database_url: str) -> None:
    with start_webhook_app(database_url, book="live") as webhook:
        other = webhook.add_source(name="other", book="live")
        webhook.post(BUY | {"timenow": firing_time()})
        webhook.post(BUY | {"ticker": "ETHUSDT"})
        with webhook.database.transaction() as session:
            alone = netting.describe_shared_symbols(session)
        webhook.post(BUY, token=other)
        with webhook.database.transaction() as session:
            shared = netting.describe_shared_symbols(session)

    assert alone == "no symbol has alerts of several sources"
    assert shared.startswith("BTCUSDT by desk, other: the venue nets them")
