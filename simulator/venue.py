"""The simulator: both venues' accounts over one ledger, the faults and the control endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from threading import Condition, Timer
from typing import Any

from simulator import alpaca, binance, catalogue, faults
from simulator.account import SimulatedAccount
from simulator.alpaca import AlpacaApi
from simulator.binance import BinanceApi
from simulator.faults import ActiveFaults, FaultKind, SimulatorFault
from simulator.ledger import LedgerFile
from simulator.orders import FILL_AT_ONCE, now_ms
from simulator.prices import PriceBoard
from simulator.wire import VenueCall, WireAnswer, WireRequest

CONTROL_PATH = "/_control"


class Simulator:
    """Simulated Binance and Alpaca over one ledger, one set of prices and one set of faults."""

    def __init__(self, ledger: Path, *, key: str, secret: str, seed: int = 0) -> None:
        self._ledger = LedgerFile(ledger)
        self._prices = PriceBoard((*catalogue.BINANCE_INSTRUMENTS, *catalogue.ALPACA_INSTRUMENTS))
        binance_instruments = {instrument.symbol: instrument for instrument in catalogue.BINANCE_INSTRUMENTS}
        alpaca_instruments = {instrument.symbol: instrument for instrument in catalogue.ALPACA_INSTRUMENTS}
        self._accounts = (
            SimulatedAccount(
                binance.RULES,
                instruments=binance_instruments,
                prices=self._prices,
                ledger=self._ledger,
                balances=catalogue.BINANCE_BALANCES,
            ),
            SimulatedAccount(
                alpaca.RULES,
                instruments=alpaca_instruments,
                prices=self._prices,
                ledger=self._ledger,
                balances={"USD": Decimal(10**9)},
            ),
        )
        self._binance = BinanceApi(self._accounts[0], key=key, secret=secret)
        self._venues = (self._binance, AlpacaApi(self._accounts[1], key=key, secret=secret))
        self._faults = ActiveFaults(seed)
        self._held_requests, self._release_count = 0, 0
        self._release_condition = Condition()

    def resolve_call(self, request: WireRequest) -> VenueCall | None:
        """Return the call that a request makes; None when neither venue has its path."""
        return next((call for venue in self._venues if (call := venue.resolve_call(request)) is not None), None)

    def draw_fault(self, request: WireRequest, call: VenueCall) -> SimulatorFault | None:
        """Draw the fault that applies to a request, if any, and record both in the ledger."""
        fault = self._faults.draw(call.kind)
        self._ledger.append(
            "request",
            venue=call.venue,
            kind=call.kind.value,
            method=request.method,
            path=request.path,
            client_id=call.client_id,
            fault=None if fault is None else fault.kind.value,
            at=now_ms(),
        )
        if fault is not None and fault.kind is FaultKind.PARTIAL and fault.plan.rest_s is not None:
            self._schedule(fault.plan.rest_s, self._fill_remainder, call.client_id)
        return fault

    def run_later(self, call: VenueCall, *, after_s: float) -> None:
        """Perform a call after some seconds; its answer is sent to nobody."""
        self._schedule(after_s, call.run, FILL_AT_ONCE)

    def wait_for_release(self) -> None:
        """Wait until a control document releases the requests that are held now."""
        with self._release_condition:
            releases_before = self._release_count
            self._held_requests += 1
            self._release_condition.wait_for(lambda: self._release_count > releases_before)
            self._held_requests -= 1

    def handle_control(self, request: WireRequest) -> WireAnswer:
        """Apply a control document, in a fixed order, and answer with the number of held requests."""
        try:
            self._apply_control(request.document)
        except (KeyError, ValueError, ArithmeticError, TypeError) as error:
            return WireAnswer(status=400, body={"message": f"{type(error).__name__}: {error}"})
        return WireAnswer(body={"held": self._held_requests})

    def _apply_control(self, document: Mapping[str, Any]) -> None:
        """Apply faults, prices, fills, account settings and the release, in this order."""
        if document.get("clear"):
            self._faults.clear()
        if "seed" in document:
            self._faults.set_seed(int(document["seed"]))
        for fault in document.get("faults", ()):
            self._faults.add(faults.parse_fault(fault))
        for symbol, level in document.get("prices", {}).items():
            self._prices.set(symbol, bid=Decimal(level["bid"]), ask=Decimal(level["ask"]), at=now_ms())
        for client_id in document.get("fill", ()):
            self._fill_remainder(client_id)
        self._apply_account_settings(document)
        if document.get("release"):
            self._release_held()

    def _apply_account_settings(self, document: Mapping[str, Any]) -> None:
        """Apply the settings of accounts and of the simulated Binance; those that are absent stay."""
        for account in self._accounts:
            account.refuses_duplicates = bool(document.get("refuse_duplicates", account.refuses_duplicates))
            for asset, amount in document.get("balances", {}).items():
                account.balances[asset] = Decimal(amount)
        market = self._binance.market
        market.hides_quotes = bool(document.get("hide_quotes", market.hides_quotes))
        market.offset_ms = int(document.get("clock_offset_ms", market.offset_ms))

    def _release_held(self) -> None:
        """Let the requests go on that wait in `wait_for_release`."""
        with self._release_condition:
            self._release_count += 1
            self._release_condition.notify_all()

    def _fill_remainder(self, client_id: str) -> None:
        """Fill the rest of the order with this client id in whichever account has it."""
        for account in self._accounts:
            account.fill_remainder(client_id)

    def _schedule(self, after_s: float, action: Any, *arguments: Any) -> None:
        """Call an action after some seconds, in a thread of its own."""
        timer = Timer(after_s, action, args=arguments)
        timer.daemon = True
        timer.start()
