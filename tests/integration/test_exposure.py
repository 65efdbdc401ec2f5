"""Exposure: how many trades of an engine count as open in a symbol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from db import trades
from domain.decision import EngineSlot, Verdict
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.builders import rows as builders
from tests.support.builders import trade_rows
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal

BOTH_ENTER = dict.fromkeys(EngineSlot, Verdict.ENTER)


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    add_trend(made.database)
    yield replace(
        made,
        engines=scripted_panel(answer_entering(), answer_entering()),
        limits=replace(made.limits, max_open_per_symbol=1),
    )
    made.database.dispose()


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_two_labels_of_one_symbol_are_one_exposure(parts: Parts, in_one_batch: bool) -> None:
    ids = [
        store_signal(parts.database, exchange=exchange, instrument_kind=kind, strategy=exchange)
        for exchange, kind in (("BINANCE", "spot"), ("", "unknown"))
    ]

    for batch in [ids] if in_one_batch else [[signal_id] for signal_id in ids]:
        run_all(parts, batch)

    found = rows(parts.database, "SELECT exchange, denial FROM trades WHERE is_shadow ORDER BY exchange DESC, engine")
    assert [(row["exchange"], row["denial"]) for row in found] == [
        ("BINANCE", None),
        ("BINANCE", None),
        ("", "max_open_per_symbol"),
        ("", "max_open_per_symbol"),
    ]


@pytest.mark.parametrize(("ended_on", "still_open"), [("synchronized", 0), ("own", 1)])
def test_a_model_trade_counts_until_it_ends_on_the_clock_of_its_study(
    parts: Parts, ended_on: str, still_open: int
) -> None:
    with parts.transaction() as session:
        terms = builders.some_terms(session, book="replay:exposure0001", name="another")
        judged = builders.a_decided_entry(session, terms, verdicts=BOTH_ENTER)
        trade_id = trade_rows.a_closed_trade(session, judged, EngineSlot.A)
        session.execute(text("UPDATE studies SET exit_clock = 'synchronized'"))
        session.execute(text("UPDATE trades SET status = 'open' WHERE trade_id = :id"), {"id": trade_id})
        session.execute(text("DELETE FROM trade_outcomes WHERE exit_clock <> :clock"), {"clock": ended_on})

        counted = trades.count_exposures(session, [judged.signal])

    key = ("replay:exposure0001", judged.signal.symbol, EngineSlot.A, False)
    assert counted[key].open_in_symbol == 1 if still_open else key not in counted
