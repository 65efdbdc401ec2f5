"""Decision on the direction and the action of an alert, from its instruction and the strategy's positions."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.vocabulary.words import Command, ParsedWords, PositionEffect
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
_REDUCES = (
    "says {order} and leaves the position {side}: that is a part of a position or a contradiction; send whole exits"
)
_COVER_OR_REVERSAL = (
    "{order} from a {side} position may close it or turn it round: add strategy.market_position, or say {says}"
)
_CLOSES_OTHER_SIDE = "{order} cannot close that side: the words contradict each other"
_PARTIAL = "only reduces a position, which is not supported: send an exit when the position is closed"
_SIDE_AGAINST_COMMAND = "buy goes with long and sell with short: the words contradict each other"


class IntentUnclear(ValueError):
    """An alert's direction or action is missing or ambiguous; the message tells the sender how to make it clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertIntent:
    """Direction and action that an alert asks for; the `direction` of an exit is the side being closed."""

    direction: Direction
    action: Action


def decide(
    instruction: ParsedWords, *, before: Position | None, after: Position | None, sell_alone: SellAlone | None
) -> AlertIntent:
    """Decide what an alert asks for.

    `before` and `after` are the strategy's positions around the order; `sell_alone` is the source's setting for a
    sell that comes without a position.

    Raises:
        IntentUnclear: when the direction or the action is not certain.
    """
    if instruction.effect is PositionEffect.CLOSE:
        return _decide_exit(instruction, before=before, after=after)
    if instruction.effect is PositionEffect.REVERSE:
        return _decide_reversal(instruction, before=before, after=after)
    if after is Position.FLAT:
        return _decide_exit_to_flat(instruction, before=before)
    if after is not None and after.side is not None:
        return _decide_entry_to_side(instruction, before=before, side_after=after.side)
    return _decide_without_position_after(instruction, before=before, sell_alone=sell_alone)


def _decide_exit(instruction: ParsedWords, *, before: Position | None, after: Position | None) -> AlertIntent:
    """Return the exit from the side that is named; else from the position before, else as the order implies."""
    closed = instruction.side or (before.side if before is not None else None)
    if instruction.command is not None and instruction.side is instruction.command.towards:
        raise IntentUnclear(_CLOSES_OTHER_SIDE.format(order=instruction.command.value))
    if closed is None and after is not None:
        # An exit that reports only one position usually means the one being closed.
        closed = after.side if before is None and after.side is not None else _side_closed_by(instruction)
    if closed is None:
        raise IntentUnclear(_WHICH_SIDE)
    return AlertIntent(direction=closed, action=Action.EXIT)


def _decide_reversal(instruction: ParsedWords, *, before: Position | None, after: Position | None) -> AlertIntent:
    """Return a reversal as an entry to the new side.

    The side named beside `reverse` is ignored, since senders mean the old position by it or the new one.
    """
    if after is None and before is not None and before.side is not None:
        after = Position(before.side.opposite.value)
    if after is None and instruction.command is not None:
        after = Position(instruction.command.towards.value)
    if after is None or after.side is None:
        raise IntentUnclear(_WHICH_WAY)
    if before is after or (instruction.command is not None and instruction.command.towards is not after.side):
        raise IntentUnclear(_CONTRADICTION)
    return AlertIntent(direction=after.side, action=Action.ENTRY)


def _decide_exit_to_flat(instruction: ParsedWords, *, before: Position | None) -> AlertIntent:
    """Return the exit that leads to a flat position."""
    if instruction.command is not None and instruction.side not in (None, instruction.command.towards):
        raise IntentUnclear(_SIDE_AGAINST_COMMAND)
    closed = before.side if before is not None else _side_closed_by(instruction)
    if closed is None:
        raise IntentUnclear(_WHICH_SIDE)
    if instruction.towards is closed and instruction.command is not None:
        raise IntentUnclear(_CONTRADICTION)
    return AlertIntent(direction=closed, action=Action.EXIT)


def _side_closed_by(instruction: ParsedWords) -> Direction | None:
    """Return the side that an instruction closes: a sell closes a long, a buy closes a short."""
    return instruction.command.towards.opposite if instruction.command is not None else instruction.side


def _decide_entry_to_side(instruction: ParsedWords, *, before: Position | None, side_after: Direction) -> AlertIntent:
    """Return the entry that leads to a long or short position, be it from flat, from the other side, or an addition."""
    if instruction.command is not None and instruction.command.towards is not side_after:
        if before is not None and before.side is side_after:
            raise IntentUnclear(_PARTIAL)
        raise IntentUnclear(_REDUCES.format(order=instruction.command.value, side=side_after.value))
    if instruction.side not in (None, side_after):
        raise IntentUnclear(_CONTRADICTION)
    if instruction == ParsedWords() and before is not None and before.side is side_after:
        raise IntentUnclear(_NO_DIRECTION)
    return AlertIntent(direction=side_after, action=Action.ENTRY)


def _decide_without_position_after(
    instruction: ParsedWords, *, before: Position | None, sell_alone: SellAlone | None
) -> AlertIntent:
    """Return the entry that the words alone ask for, or the meaning of a bare sell."""
    if instruction.command is not None and instruction.side not in (None, instruction.command.towards):
        raise IntentUnclear(_SIDE_AGAINST_COMMAND)
    if instruction.command is Command.SELL and instruction.is_bare:
        return _decide_bare_sell(before=before, sell_alone=sell_alone)
    if instruction.is_bare and before is Position.SHORT:
        raise IntentUnclear(_COVER_OR_REVERSAL.format(order="buy", side="short", says="exit_short or enter_long"))
    towards = instruction.towards
    if towards is None:
        raise IntentUnclear(_NO_DIRECTION)
    return AlertIntent(direction=towards, action=Action.ENTRY)


def _decide_bare_sell(*, before: Position | None, sell_alone: SellAlone | None) -> AlertIntent:
    """Return a short entry from a flat or short position; otherwise the source's setting decides."""
    if before is Position.LONG and sell_alone is SellAlone.SHORT:
        raise IntentUnclear(_COVER_OR_REVERSAL.format(order="sell", side="long", says="exit_long or enter_short"))
    if before in (Position.FLAT, Position.SHORT) or sell_alone is SellAlone.SHORT:
        return AlertIntent(direction=Direction.SHORT, action=Action.ENTRY)
    if sell_alone is SellAlone.EXIT:
        return AlertIntent(direction=Direction.LONG, action=Action.EXIT)
    raise IntentUnclear(_SELL_ALONE)
