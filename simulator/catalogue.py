"""What can be traded at the simulator, and what its accounts hold at first."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One instrument; `symbol` is the venue's own name of it. `bid` and `ask` are its first prices."""

    symbol: str
    base: str
    quote: str
    bid: Decimal
    ask: Decimal
    lot: Decimal
    tick: Decimal
    min_notional: Decimal


def _listing(symbol: str, base: str, quote: str, *, prices: str, lot: str, tick: str, least: str) -> Listing:
    bid, ask = (Decimal(one) for one in prices.split())
    return Listing(
        symbol=symbol,
        base=base,
        quote=quote,
        bid=bid,
        ask=ask,
        lot=Decimal(lot),
        tick=Decimal(tick),
        min_notional=Decimal(least),
    )


BINANCE = (
    _listing("BTCUSDT", "BTC", "USDT", prices="60000.00 60000.10", lot="0.00001", tick="0.01", least="5"),
    _listing("ETHUSDT", "ETH", "USDT", prices="3000.00 3000.10", lot="0.0001", tick="0.01", least="5"),
    _listing("SOLUSDT", "SOL", "USDT", prices="150.00 150.02", lot="0.001", tick="0.01", least="5"),
    _listing("BTCUSD", "BTC", "USD", prices="60000.00 60000.10", lot="0.00001", tick="0.01", least="5"),
    _listing("ETHUSD", "ETH", "USD", prices="3000.00 3000.10", lot="0.0001", tick="0.01", least="5"),
)
ALPACA = (
    _listing("AAPL", "AAPL", "USD", prices="200.00 200.02", lot="0.000000001", tick="0.01", least="0"),
    _listing("SPY", "SPY", "USD", prices="500.00 500.01", lot="0.000000001", tick="0.01", least="0"),
    _listing("BTC/USD", "BTC", "USD", prices="60000.00 60000.10", lot="0.000000001", tick="0.01", least="1"),
    _listing("ETH/USD", "ETH", "USD", prices="3000.00 3000.10", lot="0.000000001", tick="0.01", least="1"),
)
BINANCE_BALANCES = {
    "USDT": Decimal(10**9),
    "USD": Decimal(10**9),
    "BTC": Decimal(1000),
    "ETH": Decimal(10**4),
    "SOL": Decimal(10**5),
}
