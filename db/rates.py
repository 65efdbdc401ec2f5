"""Stored rates: what one unit of a currency was worth in a book's base currency, by the book's own bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from db.core.session import Database
from domain import rates
from domain.context import PriceSide
from domain.money import PARITY
from domain.rates import RatePair

# A rate may be from before a weekend with holidays, but no older.
OLDEST = timedelta(days=7)
_NEWEST_CLOSES = text("""
    SELECT symbol, side, close, close_time
    FROM unnest(cast(:symbols AS text[])) WITH ORDINALITY AS pairs(symbol, place) CROSS JOIN LATERAL (
        SELECT side, close, close_time FROM bars
        WHERE bars.book = :book AND bars.symbol = pairs.symbol AND close_time <= :at AND close_time > :since
        ORDER BY close_time DESC LIMIT 4) AS newest
    ORDER BY place, close_time DESC
""")

_RECORDED = text("""
    SELECT symbol FROM unnest(cast(:symbols AS text[])) WITH ORDINALITY AS pairs(symbol, place)
    WHERE EXISTS (SELECT FROM bars WHERE bars.book = :book AND bars.symbol = pairs.symbol) ORDER BY place
""")


class StoredRates:
    """Rates by the closed bars of a book, for a batch; statements run without a transaction around them.

    `base_currencies` are those of books as they become known; they never change, so that they may be kept for longer.
    """

    def __init__(self, database: Database, base_currencies: dict[str, str] | None = None) -> None:
        self._database = database
        self._base_currencies = {} if base_currencies is None else base_currencies
        self._recorded_pairs: dict[tuple[str, tuple[RatePair, ...]], list[str]] = {}

    def base_currency(self, book: str) -> str:
        """Return the base currency of a book, which never changes."""
        if book not in self._base_currencies:
            query = text("SELECT base_currency FROM books WHERE book = :book")
            with self._database.reading() as connection:
                self._base_currencies[book] = str(connection.execute(query, {"book": book}).scalar_one())
        return self._base_currencies[book]

    def find(self, book: str, currency: str, *, at: datetime) -> Decimal | None:
        """Return the rate of a currency to the book's base currency at a moment; None when no series gives one.

        It is the newest close at or before the moment of a pair of the two, at most seven days old, else the product of
        two such rates through a third currency. A stable coin without a series counts as the currency that it stands
        for.
        """
        base = self.base_currency(book)
        major, factor = rates.split_minor_unit(currency)
        if major == base:
            return factor
        rate = self._find_between(book, major, base, at=at)
        if rate is None:
            rate = self._find_through_third(book, major, base, at=at)
        return None if rate is None else rate * factor

    def _find_between(self, book: str, currency: str, base: str, *, at: datetime) -> Decimal | None:
        """Return the rate by a pair of two different currencies, or 1 where both stand for the same one."""
        stored = self._find_stored(book, rates.list_rate_pairs(currency, base), at=at)
        return PARITY if stored is None and rates.is_pegged(currency, base) else stored

    def _find_through_third(self, book: str, currency: str, base: str, *, at: datetime) -> Decimal | None:
        """Return the rate through the first intermediate currency that both have a stored pair with."""
        for third in rates.list_intermediates(currency, base):
            to_third = self._find_between(book, currency, third, at=at)
            to_base = None if to_third is None else self._find_between(book, third, base, at=at)
            if to_third is not None and to_base is not None:
                return to_third * to_base
        return None

    def _find_stored(self, book: str, pairs: Sequence[RatePair], *, at: datetime) -> Decimal | None:
        """Return the rate by the first of the pairs that has a series."""
        symbols = self._list_recorded(book, tuple(pairs))
        if not symbols:
            return None
        parameters = {"book": book, "symbols": symbols, "at": at, "since": at - OLDEST}
        with self._database.reading() as connection:
            rows = connection.execute(_NEWEST_CLOSES, parameters).all()
        if not rows:
            return None
        first = rows[0]
        newest = [row for row in rows if (row.symbol, row.close_time) == (first.symbol, first.close_time)]
        pair = next(pair for pair in pairs if pair.symbol == first.symbol)
        return pair.compute_rate(_choose_price(newest))

    def _list_recorded(self, book: str, pairs: tuple[RatePair, ...]) -> list[str]:
        """Return the symbols of the pairs that have any series; most stable coins have none, whatever the moment."""
        if (book, pairs) not in self._recorded_pairs:
            parameters = {"book": book, "symbols": [pair.symbol for pair in pairs]}
            with self._database.reading() as connection:
                self._recorded_pairs[book, pairs] = list(connection.execute(_RECORDED, parameters).scalars())
        return self._recorded_pairs[book, pairs]


def _choose_price(newest: Sequence[Any]) -> Decimal:
    """Return the mid of bars that closed together: recorded as such, else between bid and ask, else the one side."""
    closes = {row.side: row.close for row in newest}
    if PriceSide.MID.value in closes:
        return Decimal(closes[PriceSide.MID.value])
    return sum(closes.values(), Decimal(0)) / len(closes)
