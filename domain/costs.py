"""The cost of trading by kind of instrument and venue: one frozen table with a version, used by the fill model.

Spread, slippage and fee are costs of a fill; funding and swap are costs of holding. All are defaults for a small
account at the venue's public prices (lowest tier, orders that take liquidity); each row says where it comes from.
Change a number, and change `VERSION`: results under two versions are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from domain.instruments import infer_kind
from domain.signal import Instrument, InstrumentKind

VERSION = "costs1"
ANY_VENUE = ""
_EIGHT_HOURS = timedelta(hours=8)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingCost:
    """What holding a position costs per whole `interval`, in basis points of its notional; below 0 it is an income."""

    name: str
    interval: timedelta
    long_bps: Decimal
    short_bps: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentCosts:
    """The costs of one kind of instrument at one venue, in basis points of price (fee: of the notional of each fill).

    `spread_bps` is the whole distance between bid and ask where one of them is unknown; `slippage_bps` is added to each
    market order. `venue` is empty for the row of all other venues. `basis` is the source of the numbers.
    """

    kind: InstrumentKind
    venue: str
    spread_bps: Decimal
    slippage_bps: Decimal
    fee_bps: Decimal
    holding: HoldingCost | None
    basis: str


_FUNDING = HoldingCost(name="funding", interval=_EIGHT_HOURS, long_bps=Decimal(1), short_bps=Decimal(-1))
_HOURLY_FUNDING = HoldingCost(name="funding", interval=_HOUR, long_bps=Decimal("0.125"), short_bps=Decimal("-0.125"))
_SWAP = HoldingCost(name="swap", interval=_DAY, long_bps=Decimal("0.27"), short_bps=Decimal("0.27"))


def _default(
    kind: InstrumentKind, spread: str, slippage: str, fee: str, basis: str, *, holding: HoldingCost | None = None
) -> InstrumentCosts:
    return InstrumentCosts(
        kind=kind,
        venue=ANY_VENUE,
        spread_bps=Decimal(spread),
        slippage_bps=Decimal(slippage),
        fee_bps=Decimal(fee),
        holding=holding,
        basis=basis,
    )


_DEFAULTS = {
    row.kind: row
    for row in (
        _default(
            InstrumentKind.SPOT,
            "1",
            "0.5",
            "10",
            "crypto spot: taker fee of the common 0.10 % tier (Binance, Bybit, OKX)",
        ),
        _default(
            InstrumentKind.PERP,
            "1",
            "0.5",
            "5",
            "taker fee of 0.05 % (Binance USD-M, OKX, Kraken); funding at the usual interest part, 0.01 % in 8 hours",
            holding=_FUNDING,
        ),
        _default(
            InstrumentKind.FUTURE,
            "1",
            "0.5",
            "0.5",
            "one tick of ES, 6E or CL is 0.5 to 1.3 bps; commission and exchange fee of micro contracts are 0.3 to 0.5",
        ),
        _default(
            InstrumentKind.FOREX,
            "1",
            "0.5",
            "0.5",
            "one pip of EURUSD is 0.9 bps; commission of 3.50 USD a side for 100,000; swap: a mark-up of 1 % a year on"
            " both sides, the difference of interest rates is left out",
            holding=_SWAP,
        ),
        _default(
            InstrumentKind.STOCK,
            "2",
            "1",
            "0.5",
            "spread of large US stocks; 0.005 USD a share at 100 USD; no borrowing fee",
        ),
        _default(InstrumentKind.INDEX, "1", "0.5", "0.5", "taken as the future on it"),
        _default(InstrumentKind.OPTION, "200", "50", "15", "of the premium: 2 % spread, 0.65 USD a contract at 4.30"),
        _default(InstrumentKind.UNKNOWN, "1", "0.5", "0.5", "the kind is not known: the least of the above"),
    )
}


def _at(
    kind: InstrumentKind, venue: str, fee: str, basis: str, *, holding: HoldingCost | None = None
) -> InstrumentCosts:
    """Return the default of a kind with the fee of one venue, and its holding cost where that differs."""
    default = _DEFAULTS[kind]
    return replace(default, venue=venue, fee_bps=Decimal(fee), holding=holding or default.holding, basis=basis)


_BY_VENUE = {
    (row.kind, row.venue): row
    for row in (
        _at(InstrumentKind.SPOT, "binance", "10", "taker, regular user"),
        _at(InstrumentKind.SPOT, "bybit", "10", "taker, non-VIP"),
        _at(InstrumentKind.SPOT, "okx", "10", "taker, regular user"),
        _at(InstrumentKind.SPOT, "kraken", "40", "taker, Kraken Pro, lowest volume"),
        _at(InstrumentKind.SPOT, "coinbase", "120", "taker, Coinbase Advanced, lowest volume"),
        _at(InstrumentKind.SPOT, "bitstamp", "40", "taker, lowest volume"),
        _at(InstrumentKind.SPOT, "alpaca", "25", "taker, crypto, lowest volume"),
        _at(InstrumentKind.PERP, "binance", "5", "taker, USD-M, regular user"),
        _at(InstrumentKind.PERP, "bybit", "5.5", "taker, non-VIP"),
        _at(InstrumentKind.PERP, "okx", "5", "taker, regular user"),
        _at(InstrumentKind.PERP, "kraken", "5", "taker, Kraken Futures; funding each hour", holding=_HOURLY_FUNDING),
        _at(
            InstrumentKind.PERP, "hyperliquid", "4.5", "taker, lowest tier; funding each hour", holding=_HOURLY_FUNDING
        ),
        _at(InstrumentKind.STOCK, "alpaca", "0.3", "no commission; regulatory fees on sales"),
    )
}
# The names by which TradingView, ccxt and our settings know one venue.
_VENUE_NAMES = {"binanceus": "binance", "binanceusdm": "binance", "krakenfutures": "kraken", "okex": "okx"}


def costs_for(kind: InstrumentKind, venue: str = ANY_VENUE) -> InstrumentCosts:
    """Return the costs of a kind of instrument at a venue, or those of the kind where the venue has no row of its own.

    `venue` is the exchange in the alert (`BINANCE`), ccxt's id (`ccxt:binance`) or a setting (`alpaca:paper`), in any
    case.
    """
    return _BY_VENUE.get((kind, _normalize_venue(venue)), _DEFAULTS[kind])


def find_costs(instrument: Instrument) -> InstrumentCosts:
    """Return the costs of an instrument; a kind that its alert does not say is inferred from symbol and exchange."""
    return costs_for(infer_kind(instrument), instrument.exchange)


def list_costs() -> Iterator[InstrumentCosts]:
    """Yield all rows of the table, each kind's default before its venues."""
    for kind, default in _DEFAULTS.items():
        yield default
        yield from (row for (kind_of_row, _), row in _BY_VENUE.items() if kind_of_row is kind)


def count_intervals(holding: HoldingCost, held: timedelta) -> int:
    """Return the number of whole intervals in the time that a position was held."""
    return max(held // holding.interval, 0)


def compute_holding_bps(costs: InstrumentCosts, held: timedelta, *, is_long: bool) -> Decimal:
    """Return what holding a position for a time costs, in basis points of its notional; 0 without a holding cost."""
    if costs.holding is None:
        return _NOTHING
    per_interval = costs.holding.long_bps if is_long else costs.holding.short_bps
    return per_interval * count_intervals(costs.holding, held)


def _normalize_venue(venue: str) -> str:
    name = venue.lower().removeprefix("ccxt:").partition(":")[0]
    return _VENUE_NAMES.get(name, name)
