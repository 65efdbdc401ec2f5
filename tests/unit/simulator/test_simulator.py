"""The simulated venue's rules: reuse of client ids, the ledger and its replay, faults and bars."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from simulator import alpaca, binance, catalogue, ledger
from simulator.account import AccountRules, SimulatedAccount
from simulator.faults import ActiveFaults, RequestKind, parse_fault
from simulator.ledger import LedgerFile
from simulator.orders import FILL_AT_ONCE, FillPlan, OrderRefused, RefusalReason, SimulatedOrder
from simulator.prices import PriceBoard
from tests.support.builders.trades import dec

HALF = FillPlan(fraction=Decimal("0.5"))


def an_account(path: Path, rules: AccountRules = binance.RULES) -> SimulatedAccount:
    instruments = catalogue.BINANCE_INSTRUMENTS if rules is binance.RULES else catalogue.ALPACA_INSTRUMENTS
    return SimulatedAccount(
        rules,
        instruments={instrument.symbol: instrument for instrument in instruments},
        prices=PriceBoard(instruments),
        ledger=LedgerFile(path),
        balances={"USDT": dec(100_000), "USD": dec(100_000)},
    )


def buy(
    account: SimulatedAccount, client_id: str = "a", *, plan: FillPlan = FILL_AT_ONCE, quantity: str = "0.5"
) -> SimulatedOrder:
    symbol = next(iter(account.instruments))
    return account.submit(client_id, symbol, is_buy=True, quantity=dec(quantity), plan=plan)


def refusal(account: SimulatedAccount, **given: str) -> RefusalReason:
    with pytest.raises(OrderRefused) as caught:
        buy(account, **given)  # type: ignore[arg-type]
    return caught.value.reason


def test_binance_refuses_an_id_only_while_its_order_is_open(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger")
    buy(account, plan=HALF)

    assert refusal(account) is RefusalReason.DUPLICATE
    account.fill_remainder("a")
    buy(account)
    assert ledger.read_ledger(tmp_path / "ledger").duplicated_orders == {"a": 2}


def test_alpaca_refuses_an_id_for_ever(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    buy(account)

    assert refusal(account) is RefusalReason.DUPLICATE
    assert ledger.read_ledger(tmp_path / "ledger").duplicated_orders == {}


def test_a_venue_that_does_not_look_at_ids_takes_them_twice(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    account.refuses_duplicates = False
    buy(account)
    buy(account)

    assert ledger.read_ledger(tmp_path / "ledger").order_counts == Counter(a=2)


def test_orders_against_the_rules_are_refused_and_written_down(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger")

    reasons = [refusal(account, quantity=one) for one in ("0.000001", "0.00001", "5")]

    assert reasons == [RefusalReason.LOT, RefusalReason.NOTIONAL, RefusalReason.FUNDS]
    assert [one["reason"] for one in ledger.read_ledger(tmp_path / "ledger").refusals] == ["lot", "notional", "funds"]


def test_an_account_is_rebuilt_from_its_ledger(tmp_path: Path) -> None:
    before = an_account(tmp_path / "ledger")
    buy(before, "a")
    buy(before, "b", plan=HALF)
    before.cancel(buy(before, "c", plan=HALF))

    after = an_account(tmp_path / "ledger")

    assert after.orders == before.orders
    assert after.balances == before.balances
    assert refusal(after, client_id="b") is RefusalReason.DUPLICATE
    assert buy(after, "d").fills[0].fill_id == 4


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    buy(an_account(path))
    with path.open("a") as out:
        out.write('{"event": "acc')

    assert ledger.read_ledger(path).order_counts == Counter(a=1)
    assert [one.client_id for one in an_account(path).orders] == ["a"]
    buy(an_account(path), "b")
    assert ledger.read_ledger(path).order_counts == Counter(a=1, b=1)


def test_the_ledger_adds_up_fills_and_positions(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    buy(account, "a", plan=HALF)
    account.fill_remainder("a")
    account.submit("b", "AAPL", is_buy=False, quantity=dec(2), plan=FILL_AT_ONCE)

    read = ledger.read_ledger(tmp_path / "ledger")

    assert [one.quantity for one in read.list_fills("a")] == [dec("0.25"), dec("0.25")]
    assert read.sum_positions() == {"AAPL": dec("-1.5")} == account.sum_positions()


def test_a_fault_meets_as_many_requests_as_it_should() -> None:
    faults = ActiveFaults()
    faults.add(parse_fault({"fault": "lose_answer", "times": 2}))

    met = [
        faults.draw(kind) for kind in (RequestKind.LOOK_UP, RequestKind.SUBMIT, RequestKind.SUBMIT, RequestKind.SUBMIT)
    ]

    assert [one is not None for one in met] == [False, True, True, False]


def test_chances_repeat_with_their_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = ActiveFaults(seed)
        faults.add(parse_fault({"fault": "throttle", "probability": 0.3}))
        return [faults.draw(RequestKind.SUBMIT) is not None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_a_fault_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        parse_fault({"fault": "earthquake"})


def test_bars_follow_the_prices_that_were_set() -> None:
    board = PriceBoard(catalogue.BINANCE_INSTRUMENTS)
    board.set("BTCUSDT", bid=dec(100), ask=dec(102), at=60_000_000)

    first, high, low, last = board.build_bar("BTCUSDT", start=59_970_000, end=60_030_000)
    later = board.build_bar("BTCUSDT", start=60_060_000, end=60_120_000)

    assert first > 50_000
    assert low < last < 110
    assert high >= first
    assert all(90 < one < 110 for one in later)
    assert board.build_bar("BTCUSDT", start=60_060_000, end=60_120_000) == later
