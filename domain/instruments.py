"""Terms of instruments: the currency and size of what is traded, from the venue, the stored table or the symbol itself.

Futures are found by their root: `ES1!`, `ESZ2026` and `ES 09-26` are all `ES`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from domain import currencies
from domain.signal import Instrument, InstrumentKind

_WHOLE_UNIT = Decimal(1)
_MILLIONTH = Decimal("0.000001")
_LOTS = {
    InstrumentKind.FOREX: _WHOLE_UNIT,
    InstrumentKind.STOCK: _WHOLE_UNIT,
    InstrumentKind.FUTURE: _WHOLE_UNIT,
    InstrumentKind.OPTION: _WHOLE_UNIT,
}
# Kinds whose quantity counts contracts: what one is worth does not follow from its price.
CONTRACT_KINDS = frozenset({InstrumentKind.FUTURE, InstrumentKind.OPTION})
_PAIR_KINDS = frozenset({InstrumentKind.SPOT, InstrumentKind.PERP, InstrumentKind.FOREX})
_ROUND_THE_CLOCK = "24/7"
_WEEKDAYS = "24/5"
_CALENDARS = {
    InstrumentKind.SPOT: _ROUND_THE_CLOCK,
    InstrumentKind.PERP: _ROUND_THE_CLOCK,
    InstrumentKind.FOREX: _WEEKDAYS,
}
# Perpetuals quoted in real dollars are settled in their coin (inverse) except here; those in a stable coin never are.
_LINEAR_DOLLAR_PERPETUALS = frozenset({"KRAKEN", "COINBASE", "HYPERLIQUID", "DYDX"})
_CURRENCY_BROKERS = frozenset({"FX", "FX_IDC", "OANDA", "FXCM", "FOREXCOM", "SAXO", "PEPPERSTONE", "CAPITALCOM"})
# NAS100, US30, DE40: an index and its number of shares, as brokers name them.
_INDEX = re.compile(r"[A-Z]+\d{2,4}")
_SHORTEST_PAIR = 6
# ES1!, ES2!, and with the month: ESZ2026, ESZ26, ESZ6, ES09-26.
_CONTINUOUS = re.compile(r"(.+?)\d+!")
_CONTRACT = re.compile(r"([A-Z0-9]{1,5}?)[FGHJKMNQUVXZ](\d{4}|\d{2}|\d)")
_DATED = re.compile(r"([A-Z0-9]{1,6})\d{2}-\d{2}(?:\d{2})?")
_FUTURES_EXCHANGES = (
    (re.compile(r"(CME|CBOT|COMEX|NYMEX|GLOBEX)(_.*)?"), "CME"),
    (re.compile(r"EUREX(_.*)?"), "EUREX"),
    (re.compile(r"(ICEUS|NYBOT)(_.*)?"), "ICEUS"),
    (re.compile(r"ICEEUR(_.*)?"), "ICEEUR"),
    (re.compile(r"(CFE|CBOE)(_.*)?"), "CBOE"),
)
_FUTURES_CALENDARS = {"CME": "CMES", "EUREX": "XEUR", "ICEUS": "IEPA", "CBOE": "XCBF"}
_US_STOCKS = ("USD", "XNYS")
# Currency and calendar of stocks and indices, by the exchange that an alert names.
_STOCK_EXCHANGES = {
    **dict.fromkeys(
        ("NASDAQ", "NYSE", "AMEX", "ARCA", "NYSEARCA", "BATS", "IEX", "OTC", "CBOE", "SP", "DJ"), _US_STOCKS
    ),
    "LSE": ("GBX", "XLON"),
    "XETR": ("EUR", "XETR"),
    "FWB": ("EUR", "XFRA"),
    "EURONEXT": ("EUR", "XPAR"),
    "MIL": ("EUR", "XMIL"),
    "BME": ("EUR", "XMAD"),
    "VIE": ("EUR", "XWBO"),
    "OMXHEX": ("EUR", "XHEL"),
    "SIX": ("CHF", "XSWX"),
    "OMXSTO": ("SEK", "XSTO"),
    "OMXCOP": ("DKK", "XCSE"),
    "OSL": ("NOK", "XOSL"),
    "GPW": ("PLN", "XWAR"),
    "TSX": ("CAD", "XTSE"),
    "TSXV": ("CAD", "XTSE"),
    "ASX": ("AUD", "XASX"),
    "NZX": ("NZD", "XNZE"),
    "TSE": ("JPY", "XTKS"),
    "HKEX": ("HKD", "XHKG"),
    "SSE": ("CNY", "XSHG"),
    "SZSE": ("CNY", "XSHG"),
    "KRX": ("KRW", "XKRX"),
    "TWSE": ("TWD", "XTAI"),
    "SGX": ("SGD", "XSES"),
    "NSE": ("INR", "XBOM"),
    "BSE": ("INR", "XBOM"),
    "BMFBOVESPA": ("BRL", "BVMF"),
    "BMV": ("MXN", "XMEX"),
    "JSE": ("ZAC", "XJSE"),
    "TASE": ("ILA", "XTAE"),
    "BIST": ("TRY", "XIST"),
    "TADAWUL": ("SAR", "XSAU"),
}


def find_exchange_calendar(exchange: str) -> str | None:
    """Return the name of the trading calendar of an exchange by the prefix that alerts give it; None if unknown."""
    if exchange in _STOCK_EXCHANGES:
        return _STOCK_EXCHANGES[exchange][1]
    names = (name for pattern, name in _FUTURES_EXCHANGES if pattern.fullmatch(exchange))
    return _FUTURES_CALENDARS.get(next(names, ""))


class TermsOrigin(Enum):
    """Where a stored row comes from: the data file that ships with the product, or a user."""

    SHIPPED = "shipped"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentTerms:
    """What an instrument is counted in; None where it is not known.

    A move of the price by 1 is worth `multiplier` units of `currency` for each unit of quantity. `tick` and `lot` are
    the smallest steps of price and quantity, `min_notional` the smallest value of an order in `currency`, `calendar`
    the name of its trading calendar. `base` is the currency that a pair prices, None for anything that is no pair.
    """

    currency: str | None
    multiplier: Decimal | None
    tick: Decimal | None = None
    lot: Decimal | None = None
    min_notional: Decimal | None = None
    calendar: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstrument:
    """A stored row of terms: a future by its root, any other instrument by its symbol; `exchange` may be empty."""

    symbol: str
    exchange: str
    kind: InstrumentKind
    terms: InstrumentTerms
    origin: TermsOrigin
    description: str = ""


def list_lookup_symbols(instrument: Instrument) -> tuple[str, ...]:
    """Return the symbols under which the terms of an instrument may be stored: its own, and the roots of a future."""
    return tuple(dict.fromkeys((instrument.symbol, *_list_roots(instrument.symbol))))


def find_terms(instrument: Instrument, listed: Sequence[ListedInstrument]) -> InstrumentTerms:
    """Return the terms of an instrument: of the best stored row, else what its symbol and exchange say.

    A row with the instrument's own symbol wins over one with its root, a user's over a shipped one, and a row for its
    exchange over one for any.
    """
    best = find_listed(instrument, listed)
    if best is None:
        return derive_terms(instrument)
    pair = None if best.kind in CONTRACT_KINDS else currencies.split_pair(best.symbol)
    return InstrumentTerms(
        currency=best.terms.currency,
        multiplier=best.terms.multiplier,
        tick=best.terms.tick,
        lot=best.terms.lot,
        min_notional=best.terms.min_notional,
        calendar=best.terms.calendar or derive_terms(instrument).calendar,
        base=pair[0] if pair is not None and pair[1] == best.terms.currency else None,
    )


def find_listed(instrument: Instrument, listed: Sequence[ListedInstrument]) -> ListedInstrument | None:
    """Return the row that serves an instrument, by the order that `find_terms` says; None when there is none."""
    symbols = list_lookup_symbols(instrument)
    fitting = [row for row in listed if row.symbol in symbols and _fits(row, instrument)]
    return min(fitting, key=lambda row: _rank(row, instrument, symbols), default=None)


def derive_terms(instrument: Instrument) -> InstrumentTerms:
    """Return what symbol, exchange and kind alone say; a contract's multiplier is never known from them."""
    kind = InstrumentKind.FUTURE if is_future(instrument) else instrument.kind
    multiplier = None if kind in CONTRACT_KINDS or is_inverse(instrument) else Decimal(1)
    listing = _STOCK_EXCHANGES.get(instrument.exchange)
    pair = _split_pair(instrument, kind)
    if pair is not None:
        return InstrumentTerms(
            currency=pair[1], multiplier=multiplier, calendar=_CALENDARS.get(kind), base=pair[0], lot=_LOTS.get(kind)
        )
    currency, calendar = listing if listing is not None and kind not in CONTRACT_KINDS else (None, None)
    return InstrumentTerms(currency=currency, multiplier=multiplier, calendar=calendar, lot=_LOTS.get(kind))


def merge_terms(venue: InstrumentTerms | None, stored: InstrumentTerms) -> InstrumentTerms:
    """Return a venue's terms, completed by the stored ones where it states none."""
    if venue is None:
        return stored
    return InstrumentTerms(
        currency=venue.currency or stored.currency,
        multiplier=venue.multiplier or stored.multiplier,
        tick=venue.tick or stored.tick,
        lot=venue.lot or stored.lot,
        min_notional=venue.min_notional or stored.min_notional,
        calendar=venue.calendar or stored.calendar,
        base=venue.base if venue.currency else stored.base,
    )


def is_future(instrument: Instrument) -> bool:
    """Return whether an instrument is a future by its kind, or by the contract month or exchange that it names."""
    if instrument.kind is not InstrumentKind.UNKNOWN:
        return instrument.kind is InstrumentKind.FUTURE
    names_month = any(len(year) == 4 for _, year in _find_contract_months(instrument.symbol))
    group = _group_exchange(instrument.exchange)
    return names_month or _CONTINUOUS.fullmatch(instrument.symbol) is not None or group in ("CME", "EUREX", "ICEUS")


def infer_kind(instrument: Instrument) -> InstrumentKind:
    """Return the kind of an instrument, where its alert does not say it by its exchange and symbol; unknown at worst.

    BTCUSD is a coin, XAUUSD traded as currencies are, NAS100USD an index, and what a stock exchange lists a stock.
    """
    if instrument.kind is not InstrumentKind.UNKNOWN:
        return instrument.kind
    if is_future(instrument):
        return InstrumentKind.FUTURE
    if instrument.exchange in _STOCK_EXCHANGES:
        return InstrumentKind.STOCK
    pair = _split_pair(instrument, instrument.kind)
    if pair is None:
        return InstrumentKind.UNKNOWN
    if instrument.exchange in _CURRENCY_BROKERS or set(pair) <= currencies.FIAT | currencies.METALS:
        return InstrumentKind.FOREX
    return InstrumentKind.INDEX if _INDEX.fullmatch(pair[0]) else InstrumentKind.SPOT


def is_inverse(instrument: Instrument) -> bool:
    """Return whether a perpetual is settled in its coin, so that profit does not follow from price x quantity.

    It is taken for one where the exchange is not known to settle its dollar perpetuals in dollars.
    """
    pair = currencies.split_pair(instrument.symbol) if instrument.kind is InstrumentKind.PERP else None
    return pair is not None and pair[1] == "USD" and instrument.exchange not in _LINEAR_DOLLAR_PERPETUALS


def default_lot(kind: InstrumentKind) -> Decimal:
    """Return the paper venue's step of quantity: whole units for what trades in whole units, else a millionth."""
    return _LOTS.get(kind, _MILLIONTH)


def _fits(row: ListedInstrument, instrument: Instrument) -> bool:
    """Return whether a row can be about an instrument: of its exchange, and a future only for a future."""
    if (row.kind is InstrumentKind.FUTURE) != _is_future_for(row, instrument):
        return False
    if InstrumentKind.UNKNOWN not in (row.kind, instrument.kind) and row.kind is not instrument.kind:
        is_pair = row.kind in (InstrumentKind.SPOT, InstrumentKind.FOREX) and instrument.kind in (
            InstrumentKind.SPOT,
            InstrumentKind.FOREX,
        )
        if not is_pair:
            return False
    return not (row.exchange and instrument.exchange) or (
        _group_exchange(row.exchange) == _group_exchange(instrument.exchange)
    )


def _is_future_for(row: ListedInstrument, instrument: Instrument) -> bool:
    """Return whether the instrument counts as a future beside this row: a month with one digit needs a known root."""
    if is_future(instrument):
        return True
    is_contract = instrument.kind is InstrumentKind.UNKNOWN and row.symbol != instrument.symbol
    return is_contract and row.kind is InstrumentKind.FUTURE


def _rank(row: ListedInstrument, instrument: Instrument, symbols: Sequence[str]) -> tuple[int, bool, bool]:
    return (
        symbols.index(row.symbol),
        row.origin is not TermsOrigin.USER,
        row.exchange == "" and instrument.exchange != "",
    )


def _split_pair(instrument: Instrument, kind: InstrumentKind) -> tuple[str, str] | None:
    """Return base and quote of a pair; one of unknown kind must be long enough, and from no stock exchange."""
    if kind in _PAIR_KINDS:
        return currencies.split_pair(instrument.symbol)
    is_candidate = kind is InstrumentKind.UNKNOWN and instrument.exchange not in _STOCK_EXCHANGES
    return (
        currencies.split_pair(instrument.symbol) if is_candidate and len(instrument.symbol) >= _SHORTEST_PAIR else None
    )


def _list_roots(symbol: str) -> list[str]:
    """Return the roots that a future's symbol may have, none for a symbol without month or number."""
    continuous, dated = _CONTINUOUS.fullmatch(symbol), _DATED.fullmatch(symbol)
    roots = [match.group(1) for match in (continuous, dated) if match is not None]
    return roots + [root for root, _ in _find_contract_months(symbol)]


def _find_contract_months(symbol: str) -> list[tuple[str, str]]:
    """Return root and year of a symbol such as ESZ2026, ESZ26 or ESZ6; none for one of another form."""
    match = _CONTRACT.fullmatch(symbol)
    return [] if match is None else [(match.group(1), match.group(2))]


def _group_exchange(exchange: str) -> str:
    """Return one name for the exchanges of a group (CME, CBOT, NYMEX and COMEX are one), others as they are."""
    return next((group for pattern, group in _FUTURES_EXCHANGES if pattern.fullmatch(exchange)), exchange)
