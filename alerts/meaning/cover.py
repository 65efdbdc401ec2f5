"""Judgement whether a bare `buy` or `sell` covers a position: the labels of the order beside the position before it.

Such an order is an entry only when nothing speaks for a cover. It is an exit where all signs agree, else refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from alerts.meaning.field_reader import FieldReader
from alerts.meaning.intent import IntentUnclear
from alerts.meaning.positions import StatedPositions
from alerts.parsing.fields import Field, names_other_order
from alerts.vocabulary.closing_labels import CloseCertainty, ClosingLabel, is_default_close, parse_label
from alerts.vocabulary.words import Command, ParsedWords, PositionEffect
from domain.signal import Direction, Position, SellAlone

_LABEL_KEY = re.compile(
    r".*(comment|label|reason|tag|notes?|title|subject|message|msg|text|content|description|desc|remarks?|memo|info|footer"
    r"|purpose|orderkind|tradekind|kind)"
    r"|(client|strategy)?order(id|name)|(signal|alert|event|entry|exit)?(id|name)|alert|strategyorderid"
)
_STRATEGY_GROUP = re.compile(r"(?:^|\.)(?:strategy|indicator|system)\.(?:name|id)$", re.IGNORECASE)
_SHORTEST_DEFAULT_CLOSE = len("margin call")
_NAMED_CLOSE = "{path} names a close or a stop, so {order} may close a position: say {exit}, or add the position"
_SIZE_MAY_REDUCE = "{path} is above zero, so this sell may only reduce a long position: add strategy.market_position"


def judge(reader: FieldReader, instruction: ParsedWords, positions: StatedPositions) -> ParsedWords:
    """Return the instruction, as an exit when the order's label and the position before it say that it closes.

    A position after the order is more certain than labels, and so is an instruction that says itself what it opens.

    Raises:
        IntentUnclear: when some of the signs speak for a close and others do not.
    """
    towards = instruction.towards
    if positions.after is not None or towards is None or instruction.effect is not None:
        return instruction
    _refuse_reduction(reader, instruction, positions)
    field, label = _find_closing_label(reader, towards)
    if field is None or label is None:
        return instruction
    if instruction.is_bare and _all_agree(label, positions.before, closed=towards.opposite):
        reader.record_source("action", field, None)
        return replace(instruction, effect=PositionEffect.CLOSE, side=towards.opposite)
    order = instruction.command.value if instruction.command is not None else towards.value
    side = towards.opposite if instruction.command is not None else towards
    raise IntentUnclear(_NAMED_CLOSE.format(path=field.path, order=order, exit=f"exit_{side.value}"))


def _refuse_reduction(reader: FieldReader, instruction: ParsedWords, positions: StatedPositions) -> None:
    """Raise IntentUnclear for a sell that opens a short by the source's setting beside a position above zero."""
    if positions.may_reduce is None or instruction.command is not Command.SELL:
        return
    if instruction.is_bare and reader.source.sell_alone is SellAlone.SHORT:
        raise IntentUnclear(_SIZE_MAY_REDUCE.format(path=positions.may_reduce.path))


def _all_agree(label: ClosingLabel, before: Position | None, *, closed: Direction) -> bool:
    """Return whether label and position before the order both fit a close of that side, and one of them is certain."""
    if label.closing is CloseCertainty.FORCED or label.side is closed.opposite:
        return False
    if before is None:
        return label.closing is CloseCertainty.CERTAIN
    return before.side is closed


def _find_closing_label(reader: FieldReader, towards: Direction) -> tuple[Field | None, ClosingLabel | None]:
    """Return the first label that names a close, and what it says."""
    for field in _iterate_labels(reader):
        label = parse_label(str(field.value)[:200], towards)
        if label is not None:
            return field, label
    return None, None


def _iterate_labels(reader: FieldReader) -> Iterator[Field]:
    for key, field in reader.fields.iterate():
        text = field.value
        if not isinstance(text, str) or not (_is_label_key(key) or _is_default_close(text)):
            continue
        if not _names_strategy_or_other_order(field.path):
            yield field


def _is_default_close(text: str) -> bool:
    return len(text) >= _SHORTEST_DEFAULT_CLOSE and is_default_close(text.strip().lower())


@lru_cache(maxsize=1024)
def _is_label_key(key: str) -> bool:
    return _LABEL_KEY.fullmatch(key) is not None


def _names_strategy_or_other_order(path: str) -> bool:
    """Return whether a path is the name of a strategy, or lies in a group about another order."""
    group = path.rpartition(".")[0]
    return bool(group) and (_STRATEGY_GROUP.search(path) is not None or names_other_order(group))
