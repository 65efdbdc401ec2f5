"""The simulated venue's own rules: who may use an id again, what its ledger keeps, how its bars come about."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from simulator import alpaca, binance, catalogue, ledger
from simulator.account import AT_ONCE, Account, AccountRules, FillPlan, Reason, Refused, SimulatedOrder
from simulator.faults import Faults, Kind, fault_from
from simulator.ledger import LedgerFile
from simulator.prices import PriceBoard
from tests.support.builders.trades import dec

HALF = FillPlan(fraction=Decimal("0.5"))


def an_account(path: Path, rules: AccountRules = binance.RULES) -> Account:
    listings = catalogue.BINANCE if rules is binance.RULES else catalogue.ALPACA
    return Account(
        rules,
        listings={one.symbol: one for one in listings},
        prices=PriceBoard(listings),
        ledger=LedgerFile(path),
        balances={"USDT": dec(100_000), "USD": dec(100_000)},
    )


def buy(account: Account, client_id: str = "a", *, plan: FillPlan = AT_ONCE, quantity: str = "0.5") -> SimulatedOrder:
    symbol = next(iter(account.listings))
    return account.submit(client_id, symbol, is_buy=True, quantity=dec(quantity), plan=plan)


def refusal(account: Account, **given: str) -> Reason:
    with pytest.raises(Refused) as caught:
        buy(account, **given)  # type: ignore[arg-type]
    return caught.value.reason


def test_binance_refuses_an_id_only_while_its_order_is_open(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger")
    buy(account, plan=HALF)

    assert refusal(account) is Reason.DUPLICATE
    account.fill_rest("a")
    buy(account)
    assert ledger.read(tmp_path / "ledger").doubled == {"a": 2}


def test_alpaca_refuses_an_id_for_ever(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    buy(account)

    assert refusal(account) is Reason.DUPLICATE
    assert ledger.read(tmp_path / "ledger").doubled == {}


def test_a_venue_that_does_not_look_at_ids_takes_them_twice(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    account.refuses_duplicates = False
    buy(account)
    buy(account)

    assert ledger.read(tmp_path / "ledger").executions == Counter(a=2)


def test_orders_against_the_rules_are_refused_and_written_down(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger")

    reasons = [refusal(account, quantity=one) for one in ("0.000001", "0.00001", "5")]

    assert reasons == [Reason.LOT, Reason.NOTIONAL, Reason.FUNDS]
    assert [one["reason"] for one in ledger.read(tmp_path / "ledger").refusals] == ["lot", "notional", "funds"]


def test_an_account_is_rebuilt_from_its_ledger(tmp_path: Path) -> None:
    before = an_account(tmp_path / "ledger")
    buy(before, "a")
    buy(before, "b", plan=HALF)
    before.cancel(buy(before, "c", plan=HALF))

    after = an_account(tmp_path / "ledger")

    assert after.orders == before.orders
    assert after.balances == before.balances
    assert refusal(after, client_id="b") is Reason.DUPLICATE
    assert buy(after, "d").fills[0].fill_id == 4


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    buy(an_account(path))
    with path.open("a") as out:
        out.write('{"event": "acc')

    assert ledger.read(path).executions == Counter(a=1)
    assert [one.client_id for one in an_account(path).orders] == ["a"]
    buy(an_account(path), "b")
    assert ledger.read(path).executions == Counter(a=1, b=1)


def test_the_ledger_adds_up_fills_and_positions(tmp_path: Path) -> None:
    account = an_account(tmp_path / "ledger", alpaca.RULES)
    buy(account, "a", plan=HALF)
    account.fill_rest("a")
    account.submit("b", "AAPL", is_buy=False, quantity=dec(2), plan=AT_ONCE)

    read = ledger.read(tmp_path / "ledger")

    assert [one.quantity for one in read.fills("a")] == [dec("0.25"), dec("0.25")]
    assert read.positions() == {"AAPL": dec("-1.5")} == account.net()


def test_a_fault_meets_as_many_requests_as_it_should() -> None:
    faults = Faults()
    faults.add(fault_from({"fault": "lose_answer", "times": 2}))

    met = [faults.draw(kind) for kind in (Kind.LOOK_UP, Kind.SUBMIT, Kind.SUBMIT, Kind.SUBMIT)]

    assert [one is not None for one in met] == [False, True, True, False]


def test_chances_repeat_with_their_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(fault_from({"fault": "throttle", "probability": 0.3}))
        return [faults.draw(Kind.SUBMIT) is not None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_a_fault_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        fault_from({"fault": "earthquake"})


def test_bars_follow_the_prices_that_were_set() -> None:
    board = PriceBoard(catalogue.BINANCE)
    board.set("BTCUSDT", bid=dec(100), ask=dec(102), at=60_000_000)

    first, high, low, last = board.bar("BTCUSDT", start=59_970_000, end=60_030_000)
    later = board.bar("BTCUSDT", start=60_060_000, end=60_120_000)

    assert first > 50_000
    assert low < last < 110
    assert high >= first
    assert all(90 < one < 110 for one in later)
    assert board.bar("BTCUSDT", start=60_060_000, end=60_120_000) == later
