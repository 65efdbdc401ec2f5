"""Validation of an engine's answer; an invalid one is stored as an ERROR decision."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from domain.context import MarketContext
from domain.decision import Decision, Plan, Target, Trailing, Verdict
from domain.signal import Direction

MAX_BYTES = 1_000_000
MAX_ITEMS = 100
MAX_REASON = 200
MAX_HOLD = timedelta(days=3660)
# Powers of ten and digits of a number: beyond any market, and within the database's numeric columns.
MAX_MAGNITUDE, MAX_DIGITS = 30, 60


class AnswerInvalid(ValueError):
    """An engine's answer is no valid decision; the message names the defect."""


def validate_answer(answer: object, context: MarketContext) -> Decision:
    """Return the answer unchanged when it can be stored and traded.

    Raises:
        AnswerInvalid: for another type, a number that is not finite or out of range, levels out of order, or a
            rationale that is not JSON or above 1 MB.
    """
    if not isinstance(answer, Decision):
        raise AnswerInvalid(f"a Decision was expected, not {type(answer).__name__}")
    _check_verdict_and_texts(answer)
    _check_rationale(answer)
    if answer.confidence is not None:
        is_percentage = _is_number(answer.confidence) and 0 <= answer.confidence <= 100
        _require(is_percentage, "confidence must be a Decimal of 0..100")
    if answer.plan is not None:
        _check_plan(answer.plan, price=context.current_price)
    return answer


def has_only_finite_numbers(answer: Decision) -> bool:
    """Return whether confidence and plan are free of NaN and infinity."""
    plan = answer.plan
    numbers = [answer.confidence] if plan is None else [answer.confidence, plan.quantity, plan.stop]
    if plan is not None:
        numbers += [number for target in plan.targets for number in (target.price, target.fraction)]
        numbers += [] if plan.trailing is None else [plan.trailing.activation, plan.trailing.distance]
    return all(number is None or number.is_finite() for number in numbers)


def _check_verdict_and_texts(answer: Decision) -> None:
    _require(_is_instance(answer.verdict, Verdict), "verdict must be a Verdict")
    _require(_is_instance(answer.reasons, tuple) and len(answer.reasons) <= MAX_ITEMS, "reasons must be a short tuple")
    for reason in answer.reasons:
        is_code = _is_instance(reason, str) and 0 < len(reason) <= MAX_REASON and reason.isprintable()
        _require(is_code, "a reason must be a short printable text")
    is_text = answer.error is None or (_is_instance(answer.error, str) and answer.error.isprintable())
    _require(is_text, "error must be a printable text or None")


def _check_rationale(answer: Decision) -> None:
    try:
        text = json.dumps(answer.rationale, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerInvalid(f"the rationale must be a dict of JSON values: {error}") from error
    _require(text.startswith("{") and "\\u0000" not in text, "the rationale must be a dict of JSON values")
    _require(size <= MAX_BYTES, f"the rationale must stay within {MAX_BYTES} bytes")


def _check_plan(plan: object, *, price: Decimal | None) -> None:
    if not isinstance(plan, Plan):
        raise AnswerInvalid(f"a Plan was expected, not {type(plan).__name__}")
    _require(_is_instance(plan.side, Direction), "side must be a Direction")
    _require(_is_amount(plan.quantity), "quantity must be a finite Decimal above 0")
    _check_targets(plan)
    _check_level_order(
        [plan.stop, *([] if price is None else [price]), *(target.price for target in plan.targets)], plan.side
    )
    _check_trailing(plan.trailing)
    is_limited = _is_instance(plan.max_hold, timedelta) and timedelta(0) < plan.max_hold <= MAX_HOLD
    _require(is_limited, f"max_hold must be a timedelta above 0 of at most {MAX_HOLD.days} days")


def _check_targets(plan: Plan) -> None:
    are_targets = _is_instance(plan.targets, tuple) and all(_is_instance(target, Target) for target in plan.targets)
    _require(are_targets and len(plan.targets) <= MAX_ITEMS, "targets must be a short tuple of Target")
    fractions = [target.fraction for target in plan.targets]
    _require(
        all(_is_amount(fraction) for fraction in fractions), "a target's fraction must be a finite Decimal above 0"
    )
    _require(sum(fractions, Decimal(0)) <= 1, "the targets' fractions must sum to at most 1")


def _check_level_order(levels: list[Decimal], side: Direction) -> None:
    _require(all(_is_amount(level) for level in levels), "prices must be finite Decimals above 0")
    is_ordered = all((after - before) * side.sign > 0 for before, after in pairwise(levels))
    _require(is_ordered, "stop, current price and targets must follow each other in the direction of the trade")


def _check_trailing(trailing: object) -> None:
    if trailing is None:
        return
    if not isinstance(trailing, Trailing):
        raise AnswerInvalid(f"a Trailing was expected, not {type(trailing).__name__}")
    are_amounts = _is_amount(trailing.activation) and _is_amount(trailing.distance)
    _require(are_amounts, "a trailing stop's activation and distance must be finite Decimals above 0")


def _is_amount(value: object) -> bool:
    """Return whether a value is a finite Decimal above zero, of a storable size."""
    return _is_number(value) and isinstance(value, Decimal) and value > 0


def _is_number(value: object) -> bool:
    """Return whether a value is a finite Decimal of a storable size."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return abs(value.adjusted()) <= MAX_MAGNITUDE and len(value.as_tuple().digits) <= MAX_DIGITS


def _is_instance(value: object, kind: type) -> bool:
    """Return whether a value has a type; mypy would call a plain isinstance redundant, but engines ignore types."""
    return isinstance(value, kind)


def _require(is_met: bool, complaint: str) -> None:
    """Raise AnswerInvalid with a complaint unless a condition is met."""
    if not is_met:
        raise AnswerInvalid(complaint)
