"""The simulator itself: both accounts, their ledger, the faults and the control endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from threading import Condition, Timer
from typing import Any

from simulator import alpaca, binance, catalogue, faults
from simulator.account import AT_ONCE, Account, now_ms
from simulator.alpaca import Alpaca
from simulator.binance import Binance
from simulator.faults import Fault, FaultName, Faults
from simulator.ledger import LedgerFile
from simulator.prices import PriceBoard
from simulator.wire import Answer, Call, Request

CONTROL = "/_control"


class Simulator:
    """Both venues over one ledger."""

    def __init__(self, ledger: Path, *, key: str, secret: str, seed: int = 0) -> None:
        self._ledger = LedgerFile(ledger)
        self._prices = PriceBoard((*catalogue.BINANCE, *catalogue.ALPACA))
        listed = {one.symbol: one for one in catalogue.BINANCE}
        at_alpaca = {one.symbol: one for one in catalogue.ALPACA}
        self._accounts = (
            Account(
                binance.RULES,
                listings=listed,
                prices=self._prices,
                ledger=self._ledger,
                balances=catalogue.BINANCE_BALANCES,
            ),
            Account(
                alpaca.RULES,
                listings=at_alpaca,
                prices=self._prices,
                ledger=self._ledger,
                balances={"USD": Decimal(10**9)},
            ),
        )
        self._binance = Binance(self._accounts[0], key=key, secret=secret)
        self._venues = (self._binance, Alpaca(self._accounts[1], key=key, secret=secret))
        self._faults = Faults(seed)
        self._held, self._released = 0, 0
        self._gate = Condition()

    def understand(self, request: Request) -> Call | None:
        """Say what a request asks for; None when neither venue knows its path."""
        return next((call for venue in self._venues if (call := venue.call(request)) is not None), None)

    def met(self, request: Request, call: Call) -> Fault | None:
        """Write down a request and the fault that meets it, and return that fault."""
        fault = self._faults.draw(call.kind)
        self._ledger.add(
            "request",
            venue=call.venue,
            kind=call.kind.value,
            method=request.method,
            path=request.path,
            client_id=call.client_id,
            fault=None if fault is None else fault.name.value,
            at=now_ms(),
        )
        if fault is not None and fault.name is FaultName.PARTIAL and fault.plan.rest_s is not None:
            self._later(fault.plan.rest_s, self._fill_rest, call.client_id)
        return fault

    def run_later(self, call: Call, *, after_s: float) -> None:
        """Perform a call after some time, whoever listens."""
        self._later(after_s, call.run, AT_ONCE)

    def hold(self) -> None:
        """Wait until what is held now is released."""
        with self._gate:
            before = self._released
            self._held += 1
            self._gate.wait_for(lambda: self._released > before)
            self._held -= 1

    def control(self, request: Request) -> Answer:
        """Do what a control document asks for, in a fixed order, and answer with what is held."""
        try:
            self._apply(request.document)
        except (KeyError, ValueError, ArithmeticError, TypeError) as error:
            return Answer(status=400, body={"message": f"{type(error).__name__}: {error}"})
        return Answer(body={"held": self._held})

    def _apply(self, wanted: Mapping[str, Any]) -> None:
        if wanted.get("clear"):
            self._faults.clear()
        if "seed" in wanted:
            self._faults.reseed(int(wanted["seed"]))
        for one in wanted.get("faults", ()):
            self._faults.add(faults.fault_from(one))
        for symbol, level in wanted.get("prices", {}).items():
            self._prices.set(symbol, bid=Decimal(level["bid"]), ask=Decimal(level["ask"]), at=now_ms())
        for client_id in wanted.get("fill", ()):
            self._fill_rest(client_id)
        self._adjust(wanted)
        if wanted.get("release"):
            self._release()

    def _adjust(self, wanted: Mapping[str, Any]) -> None:
        for account in self._accounts:
            account.refuses_duplicates = bool(wanted.get("refuse_duplicates", account.refuses_duplicates))
            for asset, amount in wanted.get("balances", {}).items():
                account.balances[asset] = Decimal(amount)
        market = self._binance.market
        market.hides_quotes = bool(wanted.get("hide_quotes", market.hides_quotes))
        market.offset_ms = int(wanted.get("clock_offset_ms", market.offset_ms))

    def _release(self) -> None:
        with self._gate:
            self._released += 1
            self._gate.notify_all()

    def _fill_rest(self, client_id: str) -> None:
        for account in self._accounts:
            account.fill_rest(client_id)

    def _later(self, after_s: float, perform: Any, *given: Any) -> None:
        timer = Timer(after_s, perform, args=given)
        timer.daemon = True
        timer.start()
