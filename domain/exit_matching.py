"""Matching of exits: which open trades an alert closes, and which real trades of its source it leaves open.

An exit closes the trades of its own key, an entry those of the opposite direction. Only an exit whose key never had an
entry is matched loosely, by source, direction and symbol, and only when exactly one key fits. What an alert leaves open
although it may have meant it is named, so that nothing stays open in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID

from domain import stated_times
from domain.decision import EngineSlot
from domain.signal import Direction, Flag, Instrument, Position, Signal
from domain.stated_times import StatedTime
from domain.symbol_spelling import is_same_symbol

# An exit that arrives so soon after the entry of the other side belongs to the trade which that entry closed.
REVERSAL_WINDOW = timedelta(seconds=60)


class ExitResult(Enum):
    """What became of an alert that closes a side."""

    CLOSES = "closes"
    NOTHING_OPEN = "nothing_open"
    OUTDATED = "outdated"
    AMBIGUOUS = "ambiguous"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeKey:
    """What an exit has to name to close a trade: with source and direction the exact key."""

    strategy: str
    instrument: Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrade:
    """A pending or open trade of a source; `entry` is what its entry alert stated of its time.

    `can_close` is true for a model trade that is open on its own clock, `is_closing` for a real trade that owes an exit
    already or has one on its way. `came_later` is whether its entry arrived after the alert.
    """

    trade_id: UUID
    experiment_id: UUID
    engine: EngineSlot
    is_shadow: bool
    key: TradeKey
    side: Direction
    entry: StatedTime
    can_close: bool
    is_closing: bool
    came_later: bool = False

    @property
    def is_left_open(self) -> bool:
        """True when an exit is still to come for it."""
        return self.can_close if self.is_shadow else not self.is_closing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitMatch:
    """The trades that an alert closes, and those it should be told about.

    `closes` holds model trades, whose real trades follow; `differs` names the fields in which a loose match differs;
    `ambiguous` and `missed` hold the open trades that the alert may have meant and leaves open; some may be missed
    beside those that are closed.
    """

    result: ExitResult
    closes: tuple[UUID, ...] = ()
    differs: tuple[str, ...] = ()
    ambiguous: tuple[OpenTrade, ...] = ()
    missed: tuple[OpenTrade, ...] = ()

    @property
    def is_loose(self) -> bool:
        """True when the alert's own key had no entry and the one key that fits was closed."""
        return bool(self.differs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingAlert:
    """An alert with its stated time; `knows_entry` is whether its own key ever had an accepted entry of the side."""

    signal: Signal
    stated: StatedTime
    knows_entry: bool

    @property
    def is_stale(self) -> bool:
        """True when the alert came too late to close anything."""
        return Flag.STALE.value in self.signal.flags

    @property
    def key(self) -> TradeKey:
        """The key of the trades it closes."""
        return TradeKey(strategy=self.signal.strategy, instrument=self.signal.instrument)

    @property
    def side(self) -> Direction:
        """The side it closes: an exit the one it names, an entry the opposite."""
        return self.signal.direction.opposite if self.signal.is_entry else self.signal.direction


def match(alert: ClosingAlert, open_trades: Sequence[OpenTrade]) -> ExitMatch:
    """Return which of the open trades of an alert's source and symbol it closes, and which it leaves open."""
    older = [trade for trade in open_trades if not _is_entered_later(trade, alert)]
    chosen = () if alert.is_stale else _choose_trades(alert, older)
    if len({trade.key for trade in chosen}) > 1:
        return ExitMatch(result=ExitResult.AMBIGUOUS, ambiguous=chosen)
    closes = tuple(trade.trade_id for trade in chosen if trade.can_close)
    if closes or any(trade.is_closing for trade in chosen):
        missed = tuple(trade for trade in older if trade not in chosen and _is_missed_beside(trade, alert))
        differs = _name_differences(alert.key, chosen)
        return ExitMatch(result=ExitResult.CLOSES, closes=closes, differs=differs, missed=missed)
    if missed := tuple(trade for trade in older if _is_missed(trade, alert)):
        return ExitMatch(result=ExitResult.MISSED, missed=missed)
    is_outdated = any(trade.side is alert.side for trade in open_trades) and len(older) < len(open_trades)
    return ExitMatch(result=ExitResult.OUTDATED if is_outdated else ExitResult.NOTHING_OPEN)


def _choose_trades(alert: ClosingAlert, older: Sequence[OpenTrade]) -> tuple[OpenTrade, ...]:
    """Return the trades of the alert's key; for an exit whose key never had an entry, all that may be meant."""
    own_side = [trade for trade in older if trade.side is alert.side]
    exact = tuple(trade for trade in own_side if trade.key == alert.key)
    if exact or alert.knows_entry or alert.signal.is_entry:
        return exact
    alike = [trade for trade in own_side if is_same_symbol(trade.key.instrument, alert.key.instrument)]
    keys = {trade.key for trade in alike if trade.is_left_open}
    return tuple(trade for trade in alike if trade.key in keys)


def _is_entered_later(trade: OpenTrade, alert: ClosingAlert) -> bool:
    """Return whether a trade's entry arrived or fired after the alert, which therefore cannot mean it."""
    return trade.came_later or stated_times.is_before(alert.stated, trade.entry)


def _is_missed(trade: OpenTrade, alert: ClosingAlert) -> bool:
    """Return whether a real trade stays open that an alert which closes nothing may have meant to close."""
    if alert.signal.is_entry:
        return _is_missed_beside(trade, alert)
    is_meant = trade.side is alert.side or not _is_of_reversed_side(trade, alert)
    return is_meant and _stays_open_in_symbol(trade, alert)


def _is_missed_beside(trade: OpenTrade, alert: ClosingAlert) -> bool:
    """Return whether an alert may have meant a real trade besides those of its own key: one that its strategy holds.

    Named strategies of one source that differ have nothing to do with each other.
    """
    strategies = {trade.key.strategy, alert.key.strategy}
    is_of_strategy = len(strategies) == 1 or "" in strategies
    return is_of_strategy and trade.side is alert.side and _stays_open_in_symbol(trade, alert)


def _stays_open_in_symbol(trade: OpenTrade, alert: ClosingAlert) -> bool:
    is_real = not trade.is_shadow and trade.is_left_open
    return is_real and is_same_symbol(trade.key.instrument, alert.key.instrument)


def _is_of_reversed_side(trade: OpenTrade, alert: ClosingAlert) -> bool:
    """Return whether an exit of the other side is explained: the trade's entry closed that side and overtook the exit.

    Strategies send `enter short` and `exit long` together, in any order. An exit that says `flat` and fired later than
    the trade's entry is not explained by it.
    """
    fired_at, entry_fired_at = alert.stated.trusted_fired_at, trade.entry.trusted_fired_at
    if fired_at is not None and entry_fired_at is not None:
        return fired_at <= entry_fired_at
    is_soon = alert.signal.received_at - trade.entry.arrived_at < REVERSAL_WINDOW
    return alert.knows_entry and is_soon and alert.signal.position_after is not Position.FLAT


def _name_differences(key: TradeKey, chosen: Sequence[OpenTrade]) -> tuple[str, ...]:
    """Return the fields in which the key of the chosen trades differs from the alert's."""
    other = chosen[0].key
    pairs = {
        "strategy": (key.strategy, other.strategy),
        "symbol": (key.instrument.symbol, other.instrument.symbol),
        "exchange": (key.instrument.exchange, other.instrument.exchange),
        "kind": (key.instrument.kind, other.instrument.kind),
    }
    return tuple(name for name, (ours, theirs) in pairs.items() if ours != theirs)
