"""A replay in this process: bars of a book, alerts at its own times, and the fills and outcomes that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from db import bars, books, policies, studies, verification
from db.policies import PolicyChange
from db.studies import ComparedVersions
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.policy import ExecutionMode
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import rows, run_all, store_signal

_VERSIONS = ComparedVersions(engine_a="scripted@1", engine_b="scripted@1", fill_model="fm2")


def bars_of(text_of_bars: str, *, interval: str, close_times: Mapping[datetime, datetime] | None = None) -> list[Bar]:
    """Read bars, a line each: open time in ISO form, then open, high, low and close."""
    read = []
    for line in text_of_bars.strip().splitlines():
        opened, *prices = line.split()
        open_price, high, low, close = (Decimal(price) for price in prices)
        open_time = datetime.fromisoformat(opened)
        bar = Bar(open_time=open_time, open=open_price, high=high, low=low, close=close, volume=None)
        read.append(replace(bar, close_time=(close_times or {}).get(open_time)))
    assert all(bar.end(Interval.parse(interval)) > bar.open_time for bar in read)
    return read


@dataclass(kw_only=True)
class ReplayedBook:
    """A replay's book; engine A trades for real, and both engines enter with the plan of the test."""

    parts: Parts
    instrument: Instrument = field(
        default_factory=lambda: Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
    )
    interval: str = "1h"

    def __post_init__(self) -> None:
        self.book = f"replay:{uuid4().hex[:12]}"

    def load(self, series: Mapping[str, Sequence[Bar]], *, base_currency: str = "USD") -> None:
        """Create the book with bars by interval, its clock at the first of them."""
        starts_at = min(bar.open_time for bars_of_interval in series.values() for bar in bars_of_interval)
        with self.parts.transaction() as session:
            books.create_replay(session, self.book, cursor=starts_at, base_currency=base_currency)
            terms = PolicyChange(
                label="v1", mode=ExecutionMode.ENGINE_A_PRIMARY, split_ppm=500_000, set_by="tests", reason="a test"
            )
            policies.seed(session, self.book, terms)
            studies.ensure_running(session, self.book, _VERSIONS)
            for interval, bars_of_interval in series.items():
                bars.add(session, self._feed(interval), bars_of_interval)

    def enter_with(self, **plan: Any) -> None:
        """Have both engines enter whatever they are asked; the arguments are those of `answer_entering`."""
        answer = answer_entering(**plan)
        self.parts = replace(self.parts, engines=scripted_panel(answer, answer))

    def alert(self, at: str, *, price: str | None = None, fired_at: str | None = None, **columns: Any) -> UUID:
        """Move the book's clock to a moment, as a replay does, and have an alert of that moment go through."""
        moment = datetime.fromisoformat(at)
        self.move_to(moment)
        signal_id = store_signal(
            self.parts.database,
            book=self.book,
            symbol=self.instrument.symbol,
            exchange=self.instrument.exchange,
            instrument_kind=self.instrument.kind.value,
            timeframe=self.interval,
            timestamp=moment,
            event_at=datetime.fromisoformat(fired_at) if fired_at else moment,
            received_at=moment,
            price=None if price is None else Decimal(price),
            **columns,
        )
        run_all(self.parts, [signal_id])
        return signal_id

    def exit(self, at: str, *, price: str | None = None, **columns: Any) -> UUID:
        """Have an exit of the long side go through."""
        return self.alert(at, price=price, action="exit", **columns)

    def move_to(self, moment: datetime) -> None:
        """Evaluate exits up to a moment, then set the book's clock to it."""
        exit_tasks.walk_book(self.parts, self.book, until=moment)
        with self.parts.transaction() as session:
            books.move_cursor(session, self.book, to=moment)

    def end(self, at: str) -> None:
        """End the data: evaluate exits to the end and close what is open."""
        exit_tasks.walk_book(self.parts, self.book, until=datetime.fromisoformat(at), at_end=True)

    def fills(self, *, engine: str = "A", is_shadow: bool = True) -> list[dict[str, Any]]:
        """Return the fills of one engine's trades on its own clock (the real one's on the only clock it has)."""
        query = """
            SELECT f.intent, f.price, f.filled_at, f.price_basis, f.quantity, t.denial, t.fill_by
            FROM fills f JOIN trades t USING (trade_id)
            WHERE t.book = :book AND t.engine = :engine AND t.is_shadow = :is_shadow
              AND (f.exit_clock <> 'synchronized' OR NOT :is_shadow)
            ORDER BY f.filled_at, f.intent
        """
        return rows(self.parts.database, query, book=self.book, engine=engine, is_shadow=is_shadow)

    def trades(self) -> list[dict[str, Any]]:
        """Return the trades with their status and denial."""
        query = (
            "SELECT engine, is_shadow, status, denial FROM trades WHERE book = :book ORDER BY engine, is_shadow DESC"
        )
        return rows(self.parts.database, query, book=self.book)

    def outcome(self, *, engine: str = "A") -> dict[str, Any]:
        """Return the one outcome of an engine's model trade on its own clock."""
        query = """
            SELECT o.pnl, o.exit_reason, o.entry_price, o.exit_price FROM trade_outcomes o
            JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
            WHERE book = :book AND engine = :engine AND is_shadow AND exit_clock = 'own'
        """
        (found,) = rows(self.parts.database, query, book=self.book, engine=engine)
        return found

    def _feed(self, interval: str) -> Feed:
        instrument = replace(self.instrument, exchange="")
        return Feed(book=self.book, instrument=instrument, interval=Interval.parse(interval), side=PriceSide.MID)


def list_violations(parts: Parts) -> list[str]:
    """Return the names of the rules of verify that are broken."""
    with parts.transaction() as session:
        return [finding.rule for finding in verification.check(session) if not finding.holds]
