"""Two sources on one account: it is told that the venue nets them, when one is added and when the book goes live."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from app.cli.sources import command
from operations import netting
from tests.support.alert_pipeline import firing_time
from tests.support.webhook import SECRET_KEY, start_webhook_app

BUY = {"ticker": "BTCUSDT", "action": "buy", "price": "50000"}


def add(url: str, directory: Path, *arguments: str) -> Result:
    environment = {"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(directory)}
    return CliRunner().invoke(command, ["add", *arguments], env=environment)


def test_a_second_source_of_the_live_book_is_told_that_the_venue_nets(database_url: str, tmp_path: Path) -> None:
    first = add(database_url, tmp_path, "first", "--book", "live")
    second = add(database_url, tmp_path, "second", "--book", "live", "--pyramiding", "3")
    on_paper = add(database_url, tmp_path, "third")

    assert "note:" not in first.output + on_paper.output
    assert "note: first post to the book live too" in second.stderr
    assert "the venue nets them to one position" in second.stderr
    assert second.stdout.splitlines()[-1].startswith("http")


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
