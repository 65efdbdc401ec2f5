"""Instruments that can be traded at the simulator, and the initial balances of its accounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstrument:
    """An instrument that the simulator lists under the venue's own `symbol`; `bid` and `ask` are its first prices."""

    symbol: str
    base: str
    quote: str
    bid: Decimal
    ask: Decimal
    lot: Decimal
    tick: Decimal
    min_notional: Decimal


def _build_instrument(
    symbol: str, base: str, quote: str, *, prices: str, lot: str, tick: str, min_notional: str
) -> ListedInstrument:
    """Build an instrument from texts; `prices` holds bid and ask."""
    bid, ask = (Decimal(price) for price in prices.split())
    return ListedInstrument(
        symbol=symbol,
        base=base,
        quote=quote,
        bid=bid,
        ask=ask,
        lot=Decimal(lot),
        tick=Decimal(tick),
        min_notional=Decimal(min_notional),
    )


BINANCE_INSTRUMENTS = (
    _build_instrument(
        "BTCUSDT", "BTC", "USDT", prices="60000.00 60000.10", lot="0.00001", tick="0.01", min_notional="5"
    ),
    _build_instrument("ETHUSDT", "ETH", "USDT", prices="3000.00 3000.10", lot="0.0001", tick="0.01", min_notional="5"),
    _build_instrument("SOLUSDT", "SOL", "USDT", prices="150.00 150.02", lot="0.001", tick="0.01", min_notional="5"),
    _build_instrument("BTCUSD", "BTC", "USD", prices="60000.00 60000.10", lot="0.00001", tick="0.01", min_notional="5"),
    _build_instrument("ETHUSD", "ETH", "USD", prices="3000.00 3000.10", lot="0.0001", tick="0.01", min_notional="5"),
)
ALPACA_INSTRUMENTS = (
    _build_instrument("AAPL", "AAPL", "USD", prices="200.00 200.02", lot="0.000000001", tick="0.01", min_notional="0"),
    _build_instrument("SPY", "SPY", "USD", prices="500.00 500.01", lot="0.000000001", tick="0.01", min_notional="0"),
    _build_instrument(
        "BTC/USD", "BTC", "USD", prices="60000.00 60000.10", lot="0.000000001", tick="0.01", min_notional="1"
    ),
    _build_instrument(
        "ETH/USD", "ETH", "USD", prices="3000.00 3000.10", lot="0.000000001", tick="0.01", min_notional="1"
    ),
)
BINANCE_BALANCES = {
    "USDT": Decimal(10**9),
    "USD": Decimal(10**9),
    "BTC": Decimal(1000),
    "ETH": Decimal(10**4),
    "SOL": Decimal(10**5),
}
