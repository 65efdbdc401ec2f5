"""From words and positions to what an alert asks for: a direction and an action, or the reason why neither is sure."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.vocabulary.words import Order, Verb, Wish
from domain.signal import Action, Direction, Position, SellAlone

_WHICH_SIDE = (
    "which side is closed? add direction long or short, or the position before (strategy.prev_market_position)"
)
_WHICH_WAY = "to which side? add strategy.market_position or strategy.prev_market_position, or say buy or sell"
_SELL_ALONE = (
    "sell may close a long or open a short: add strategy.market_position, or sentiment, or say short or exit;"
    " or set for this source what a bare sell means"
)
_NO_DIRECTION = "say what to do: buy, long, short, exit with a direction, or strategy.market_position"
_CONTRADICTION = "contradicts the position it comes with: buy moves towards long, sell towards short"
_PARTIAL = "only reduces a position, which is not supported: send an exit when the position is closed"
_SIDE_AGAINST_ORDER = "buy goes with long and sell with short: the words contradict each other"


class IntentUnclear(ValueError):
    """What the alert asks for is missing or ambiguous; the message says what would make it clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What an alert asks for; `direction` of an exit is the side being closed."""

    direction: Direction
    action: Action


def decide(wish: Wish, *, before: Position | None, after: Position | None, sell_alone: SellAlone | None) -> Intent:
    """Decide what is meant by the words, the position before and after the order, and the source's setting.

    Raises:
        IntentUnclear: when a direction or the action is not sure.
    """
    if wish.verb is Verb.CLOSE:
        return _exit(wish, before=before, after=after)
    if wish.verb is Verb.REVERSE:
        return _reversal(wish, before=before, after=after)
    if after is Position.FLAT:
        return _flattened(wish, before=before)
    if after is not None and after.side is not None:
        return _moved(wish, before=before, to=after.side)
    return _by_words(wish, before=before, sell_alone=sell_alone)


def _exit(wish: Wish, *, before: Position | None, after: Position | None) -> Intent:
    closed = wish.side or (before.side if before is not None else None)
    if closed is None and after is not None:
        closed = after.side if before is None and after.side is not None else _closed_by(wish)
    if closed is None:
        raise IntentUnclear(_WHICH_SIDE)
    return Intent(direction=closed, action=Action.EXIT)


def _reversal(wish: Wish, *, before: Position | None, after: Position | None) -> Intent:
    """Read a reversal as the entry it ends in; a side that stands beside the word may be the one before or after."""
    if after is None and before is not None and before.side is not None:
        after = Position(before.side.opposite.value)
    if after is None and wish.order is not None:
        after = Position(wish.order.towards.value)
    if after is None or after.side is None:
        raise IntentUnclear(_WHICH_WAY)
    if before is after or (wish.order is not None and wish.order.towards is not after.side):
        raise IntentUnclear(_CONTRADICTION)
    return Intent(direction=after.side, action=Action.ENTRY)


def _flattened(wish: Wish, *, before: Position | None) -> Intent:
    if wish.order is not None and wish.side not in (None, wish.order.towards):
        raise IntentUnclear(_SIDE_AGAINST_ORDER)
    closed = before.side if before is not None else _closed_by(wish)
    if closed is None:
        raise IntentUnclear(_WHICH_SIDE)
    if wish.towards is closed and wish.order is not None:
        raise IntentUnclear(_CONTRADICTION)
    return Intent(direction=closed, action=Action.EXIT)


def _closed_by(wish: Wish) -> Direction | None:
    return wish.order.towards.opposite if wish.order is not None else wish.side


def _moved(wish: Wish, *, before: Position | None, to: Direction) -> Intent:
    if wish.order is not None and wish.order.towards is not to:
        raise IntentUnclear(_PARTIAL if before is not None and before.side is to else _CONTRADICTION)
    if wish.side not in (None, to):
        raise IntentUnclear(_CONTRADICTION)
    if wish == Wish() and before is not None and before.side is to:
        raise IntentUnclear(_NO_DIRECTION)
    return Intent(direction=to, action=Action.ENTRY)


def _by_words(wish: Wish, *, before: Position | None, sell_alone: SellAlone | None) -> Intent:
    if wish.order is not None and wish.side not in (None, wish.order.towards):
        raise IntentUnclear(_SIDE_AGAINST_ORDER)
    if wish.order is Order.SELL and wish.side is None and wish.verb is None:
        return _sell(before=before, sell_alone=sell_alone)
    towards = wish.towards
    if towards is None:
        raise IntentUnclear(_NO_DIRECTION)
    return Intent(direction=towards, action=Action.ENTRY)


def _sell(*, before: Position | None, sell_alone: SellAlone | None) -> Intent:
    if before in (Position.FLAT, Position.SHORT) or sell_alone is SellAlone.SHORT:
        return Intent(direction=Direction.SHORT, action=Action.ENTRY)
    if sell_alone is SellAlone.EXIT:
        return Intent(direction=Direction.LONG, action=Action.EXIT)
    raise IntentUnclear(_SELL_ALONE)
