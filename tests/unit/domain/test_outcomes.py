"""What fills earned, long and short, and what is no outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import outcomes
from domain.outcomes import ClosedMoreThanOpened, TradeNotFlat
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Fill, Intent, Outcome, Trade
from tests.support.builders.trades import a_fill, a_plan, a_trade, dec, minute

ENTRY, EXIT = Intent.ENTRY, Intent.EXIT
ROUND_TRIP = (
    a_fill(ENTRY, quantity="6", price="100", fee="1", at=minute(0)),
    a_fill(ENTRY, quantity="4", price="105", fee="2", at=minute(1)),
    a_fill(EXIT, quantity="5", price="110", fee="3", at=minute(5)),
    a_fill(EXIT, quantity="5", price="120", fee="4", at=minute(4)),
)


def compute_outcome_of(trade: Trade, fills: tuple[Fill, ...], *, share: str = "1") -> Outcome:
    return outcomes.compute_outcome(
        trade,
        fills,
        clock=ExitClock.OWN,
        equals_own=False,
        reference_notional=dec(1000),
        share=dec(share),
        exit_reason="target",
    )


@pytest.mark.parametrize(("side", "expected"), [(Direction.LONG, "120"), (Direction.SHORT, "-140")])
def test_pnl_is_the_difference_by_side_less_all_fees(side: Direction, expected: str) -> None:
    # exits 550 + 600, entries 600 + 420: 130 gross; fees 10
    assert outcomes.compute_pnl(ROUND_TRIP, side) == dec(expected)


@pytest.mark.parametrize(("side", "expected"), [(Direction.LONG, "6490"), (Direction.SHORT, "-6510")])
def test_a_multiplier_counts_prices_and_not_fees(side: Direction, expected: str) -> None:
    assert outcomes.compute_pnl(ROUND_TRIP, side, multiplier=dec(50)) == dec(expected)


def test_a_partly_closed_trade_earns_against_its_mean_entry() -> None:
    # 5 closed at 110 against a mean of 102, less 1 + 2 + 3
    assert outcomes.compute_pnl(ROUND_TRIP[:3], Direction.LONG) == dec(34)
    assert outcomes.compute_pnl(ROUND_TRIP[:3], Direction.SHORT) == dec(-46)


def test_an_open_trade_has_paid_its_fees() -> None:
    assert outcomes.compute_pnl(ROUND_TRIP[:2], Direction.LONG) == dec(-3)


def test_pnl_of_a_closed_trade_is_exact_beyond_the_usual_precision() -> None:
    fills = (
        a_fill(ENTRY, quantity="12345678901234567890.12345678", price="1.00000000001"),
        a_fill(EXIT, quantity="12345678901234567890.12345678", price="1.00000000002"),
    )

    assert outcomes.compute_pnl(fills, Direction.LONG) == dec("123456789.0123456789012345678")


def test_more_closed_than_opened_is_an_error() -> None:
    fills = (a_fill(ENTRY, quantity="5"), a_fill(EXIT, quantity="6"))

    with pytest.raises(ClosedMoreThanOpened):
        outcomes.compute_pnl(fills, Direction.LONG)


def test_an_outcome_has_weighted_prices_times_and_the_ratio() -> None:
    trade = a_trade()

    result = compute_outcome_of(trade, ROUND_TRIP)

    assert (result.entry_price, result.exit_price) == (dec(102), dec(115))
    assert (result.pnl, result.return_ratio) == (dec(120), dec("0.12"))
    assert (result.entry_time, result.exit_time) == (minute(0), minute(5))
    assert (result.trade_id, result.experiment_id) == (trade.trade_id, trade.experiment_id)
    assert (result.engine, result.is_shadow, result.exit_reason) == (trade.engine, True, "target")
    assert (result.exit_clock, result.equals_own) == (ExitClock.OWN, False)


def test_an_outcome_goes_by_the_side_stored_with_the_trade() -> None:
    assert compute_outcome_of(a_trade(a_plan(Direction.SHORT)), ROUND_TRIP).pnl == dec(-140)


def test_the_side_is_the_trades_and_not_its_plans() -> None:
    assert compute_outcome_of(replace(a_trade(), side=Direction.SHORT), ROUND_TRIP).pnl == dec(-140)


def test_a_share_of_the_capital_divides_the_reference() -> None:
    assert compute_outcome_of(a_trade(), ROUND_TRIP, share="0.25").return_ratio == dec("0.48")


@pytest.mark.parametrize("closed", ["9.99", "10.01"])
def test_a_trade_that_is_not_flat_has_no_outcome(closed: str) -> None:
    fills = (a_fill(ENTRY, quantity="10"), a_fill(EXIT, quantity=closed))

    with pytest.raises(TradeNotFlat, match=f"opened 10 and closed {closed}"):
        compute_outcome_of(a_trade(), fills)


def test_a_trade_that_never_filled_has_no_outcome() -> None:
    with pytest.raises(TradeNotFlat):
        compute_outcome_of(a_trade(), ())


def test_mixing_the_exits_of_both_clocks_is_an_error() -> None:
    fills = (a_fill(ENTRY), a_fill(EXIT, clock=Clock.OWN), a_fill(EXIT, clock=Clock.SYNCHRONIZED))

    with pytest.raises(TradeNotFlat):
        compute_outcome_of(a_trade(), fills)
    assert compute_outcome_of(a_trade(), outcomes.select_fills_on_clock(fills, ExitClock.SYNCHRONIZED)).pnl == 0


def test_a_position_is_what_entries_opened_less_what_its_clock_closed() -> None:
    fills = (
        a_fill(ENTRY, quantity="10"),
        a_fill(EXIT, quantity="3", clock=Clock.OWN),
        a_fill(EXIT, quantity="10", clock=Clock.SYNCHRONIZED),
    )

    assert outcomes.compute_open_quantity(fills, ExitClock.OWN) == dec(7)
    assert outcomes.compute_open_quantity(fills, ExitClock.SYNCHRONIZED) == 0
    assert outcomes.compute_open_quantity((), ExitClock.OWN) == 0
