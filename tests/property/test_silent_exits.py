"""No sequence of alerts leaves a real trade open in silence: the strategy's own position is the truth.

A strategy moves between flat, long and short; each move is an alert that may lack fields, be odd, come late, come twice
or come out of order. In the end, whatever is open for real while its strategy is flat is being closed, named by an open
incident, or a message in quarantine may be its exit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from structlog.testing import capture_logs

from db import exit_incidents, open_trades, outdated_entries
from domain.message_symbols import may_mean
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.support.alert_pipeline import AlertPipeline, start_alert_pipeline
from tests.support.pipeline import rows

Desks = Callable[[], AbstractContextManager[AlertPipeline]]
SYMBOLS = ("XRPUSDT", "ADAUSDT")
LATER = timedelta(hours=2)
OPPOSITE = {"long": "short", "short": "long"}
BUYS = {"long": "buy", "short": "sell"}
CLOSING = """
    SELECT trade_id FROM trades WHERE NOT is_shadow AND status IN ('pending', 'open') AND (
        EXISTS (SELECT FROM trades AS model WHERE model.experiment_id = trades.experiment_id AND model.is_shadow
                AND model.engine = trades.engine AND (model.walk->>'remaining')::numeric = 0)
        OR EXISTS (SELECT FROM exit_results JOIN trades AS model ON exit_results.trade_ids ? model.trade_id::text
                   WHERE waits_since IS NOT NULL AND settled_at IS NULL
                     AND model.experiment_id = trades.experiment_id AND model.engine = trades.engine))
"""
QUARANTINED = "SELECT raw_body, errors FROM webhook_events ORDER BY received_at"
LET_TIME_PASS = """
    UPDATE signals SET received_at = received_at - interval '2 hours', event_at = event_at - interval '2 hours',
        timestamp = timestamp - interval '2 hours' RETURNING 1
"""

symbols = st.sampled_from(SYMBOLS)
labels = st.sampled_from(["", "BINANCE:"])
prices = st.sampled_from(["0.51", "0.51", None, "n/a", "-1", 0])
FORMS = ["named", "named", "order", "cover", "bare", "no side", "odd side", "wrong side", "garbage"]
ways = st.fixed_dictionaries({"hold": st.booleans(), "is_timed": st.booleans(), "times": st.integers(1, 2)})


@dataclass(kw_only=True)
class Delivery:
    """An alert on its way; `fired_at` is None when it does not say when it fired."""

    symbol: str
    body: dict[str, Any] | bytes
    fired_at: datetime | None
    delayed: timedelta = field(default=timedelta(0))

    def written(self) -> bytes:
        """Return the body as it is posted: its firing time moves into the past as time passes."""
        if isinstance(self.body, bytes):
            return self.body
        stated = {} if self.fired_at is None else {"timenow": f"{self.fired_at - self.delayed:%Y-%m-%dT%H:%M:%SZ}"}
        return json.dumps(self.body | stated).encode()


class Machine(RuleBasedStateMachine):
    """A strategy with a position in each of two symbols, the alerts it sends, and what becomes of them."""

    def __init__(self, desks: Desks) -> None:
        super().__init__()
        self.resources = ExitStack()
        self.desk = self.resources.enter_context(desks())
        self.positions = dict.fromkeys(SYMBOLS, "flat")
        self.held: list[Delivery] = []
        self.sent: list[Delivery] = []
        self.fired = 0

    @rule(symbol=symbols, side=st.sampled_from(["long", "short"]), label=labels, says=st.booleans(), hold=st.booleans())
    def it_enters_or_reverses(self, symbol: str, side: str, label: str, says: bool, hold: bool) -> None:
        """Enter a side, whatever is held; the alert always has a price, and says its position unless it is a buy."""
        before, self.positions[symbol] = self.positions[symbol], side
        body: dict[str, Any] = {"ticker": f"{label}{symbol}", "action": BUYS[side], "price": "0.5"}
        if says or side == "short":
            body |= {"market_position": side, "prev_market_position": before}
        self.send(symbol, body, hold=hold, is_timed=True)

    @precondition(lambda self: set(self.positions.values()) != {"flat"})
    @rule(symbol=symbols, form=st.sampled_from(FORMS), label=labels, price=prices, way=ways)
    def it_leaves(self, symbol: str, form: str, label: str, price: object, way: dict[str, Any]) -> None:
        """Leave a side, by an alert of some form, which may come late, without its time, and twice."""
        side = self.positions[symbol]
        if side == "flat":
            return
        self.positions[symbol] = "flat"
        body = write_exit(form, side, f"{label}{symbol}", price)
        hold, is_timed = way["hold"] and form != "garbage", way["is_timed"] or form == "wrong side"
        for _ in range(way["times"]):
            self.send(symbol, body, hold=hold, is_timed=is_timed)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10))
    def a_held_alert_arrives(self, which: int) -> None:
        """Deliver one of the alerts that were held back, in any order."""
        self.deliver(self.held.pop(which % len(self.held)))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 20))
    def a_delivery_is_repeated(self, which: int) -> None:
        """Deliver an alert that says when it fired once more, as it was."""
        timed = [delivery for delivery in self.sent if delivery.fired_at is not None]
        if timed:
            self.desk.send(timed[which % len(timed)].written())

    @rule()
    def hours_pass(self) -> None:
        """Let what was stored become old, so that what is held back arrives stale."""
        rows(self.desk.parts.database, LET_TIME_PASS)
        for delivery in (*self.held, *self.sent):
            delivery.delayed += LATER

    @rule(symbol=symbols, known=st.booleans())
    def the_exits_worker_runs(self, symbol: str, known: bool) -> None:
        """Close what waits, where a price is known by now."""
        if known:
            self.desk.know_price(symbol, "0.51", ago_s=0)
        self.desk.evaluate_exits()

    def send(self, symbol: str, body: dict[str, Any] | bytes, *, hold: bool, is_timed: bool) -> None:
        """Send an alert, or hold it back; what does not say when it fired keeps its place in the order."""
        self.fired += 1
        fired_at = datetime.now(UTC) - timedelta(seconds=200 - self.fired) if is_timed else None
        delivery = Delivery(symbol=symbol, body=body, fired_at=fired_at)
        if hold and is_timed:
            self.held.append(delivery)
            return
        if not is_timed or isinstance(body, bytes):
            self.deliver_held(symbol)
        self.deliver(delivery)

    def deliver_held(self, symbol: str) -> None:
        """Deliver what is held back of a symbol."""
        for delivery in [delivery for delivery in self.held if delivery.symbol == symbol]:
            self.held.remove(delivery)
            self.deliver(delivery)

    def deliver(self, delivery: Delivery) -> None:
        """Post an alert and take what it became through the pipeline."""
        self.sent.append(delivery)
        self.desk.send(delivery.written())

    def teardown(self) -> None:
        """Deliver the rest, and look for what is open in silence."""
        with self.resources:
            while self.held:
                self.deliver(self.held.pop())
            self.desk.evaluate_exits()
            self.desk.end_incidents()
            assert self.find_silent() == []

    def find_silent(self) -> list[str]:
        """Return the real trades whose strategy is flat, which nothing closes and nothing names."""
        closing = {row["trade_id"] for row in rows(self.desk.parts.database, CLOSING)}
        named = {name for incident in self.desk.incidents() for name in incident["detail"].get("trades", ())}
        unread = rows(self.desk.parts.database, QUARANTINED)
        return [
            f"{trade['side']} {trade['exchange']}:{trade['symbol']}"
            for trade in self.desk.open_real()
            if self.positions[trade["symbol"]] == "flat"
            and trade["trade_id"] not in closing
            and str(trade["trade_id"]) not in named
            and not any(may_be_about(row, trade["symbol"]) for row in unread)
        ]


def may_be_about(row: dict[str, Any], symbol: str) -> bool:
    """Return whether a message in quarantine may mean a symbol."""
    return may_mean(bytes(row["raw_body"]).decode(), symbol, unreadable=row["errors"], mapped={})


def write_exit(form: str, side: str, ticker: str, price: object) -> dict[str, Any] | bytes:
    """Write an exit of a side in one of the forms in which strategies send it."""
    order = BUYS[OPPOSITE[side]]
    body: dict[str, Any] = {"ticker": ticker}
    if price is not None:
        body["price"] = price
    forms: dict[str, dict[str, Any]] = {
        "named": {"action": "exit", "direction": side},
        "order": {"action": order, "market_position": "flat", "prev_market_position": side},
        "cover": {"action": order, "market_position": "flat", "comment": "EOD Close"},
        "bare": {"action": order, "position_size": 0},
        "no side": {"action": "exit"},
        "odd side": {"action": "exit", "direction": "sideways"},
        "wrong side": {"action": "exit", "direction": OPPOSITE[side], "market_position": "flat"},
    }
    return body | forms[form] if form in forms else f"exit {ticker} now please".encode()


EXAMPLES = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
UNTIL_CAUGHT = settings(EXAMPLES, max_examples=200, derandomize=True, database=None, phases=[Phase.generate])


@pytest.mark.property_id(53)
def test_no_real_trade_of_a_flat_strategy_stays_open_in_silence(desks: Desks) -> None:
    run_at(desks, EXAMPLES)


@pytest.mark.property_id(53)
@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        (exit_incidents, "open_about_match", lambda *_: None),
        (outdated_entries, "find", lambda *_: {}),
        (open_trades, "load_of_source", lambda *_: {}),
    ],
    ids=["misses not told", "entries after their exit opened", "exits look at no trade"],
)
def test_some_sequence_ends_in_silence_where_a_guard_is_missing(
    desks: Desks, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, instead: Callable[..., Any]
) -> None:
    monkeypatch.setattr(module, name, instead)

    with pytest.raises(AssertionError):
        run_at(desks, UNTIL_CAUGHT)


def run_at(desks: Desks, chosen: settings) -> None:
    """Run the machine, each example at a desk of its own."""

    class AtThese(Machine):
        def __init__(self) -> None:
            super().__init__(desks)

    run_state_machine_as_test(AtThese, settings=chosen)


@pytest.fixture
def desks(server_urls: ServerUrls, template_database: str) -> Desks:
    """Give a maker of desks, each on a database of its own."""

    @contextmanager
    def make() -> Iterator[AlertPipeline]:
        with a_copy(server_urls, template_database) as name, capture_logs():
            url = with_database(server_urls.database_url, name)
            with start_alert_pipeline(url, server_urls, pyramiding=2) as desk:
                yield desk

    return make
