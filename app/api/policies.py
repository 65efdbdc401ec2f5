"""Policies: which engine may trade for real, who said so, and the switch for real trading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.api import paging
from app.api.fields import OutputSchema, enum_value, integer, nested, number, text, utc_time
from app.api.paging import PageInputSchema, Shown
from app.api.problems import Invalid
from app.api.reach import here
from app.api.request_schemas import ReasonInputSchema, line
from app.api.resource import Noun
from app.api.responses import audit_context
from db import policies
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode, Switch
from operations import policy
from operations.policy import NoPolicy, NoSwitch, PolicyRequest

Document = dict[str, Any]
noun = Noun("policy", "Who may trade for real.")
_LONGEST_LABEL = 64


def _is_share(written: Decimal) -> None:
    try:
        split_to_ppm(written)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class PolicyQuerySchema(PageInputSchema):
    """Whose policy is listed."""

    book = line("Only versions of this book.")


class SwitchInputSchema(ReasonInputSchema):
    """The book whose switch is thrown, and why."""

    book = fields.String(
        required=True, validate=validate.OneOf(STANDING_BOOKS), metadata={"description": "The book; a replay has none."}
    )


class PolicyInputSchema(SwitchInputSchema):
    """What a new version shall say; what is left out stays as it is."""

    mode = fields.Enum(ExecutionMode, by_value=True, metadata={"description": "Who trades for real."})
    split = fields.Decimal(
        validate=_is_share,
        metadata={
            "description": "Engine A's share, 0 to 1 with at most 6 decimals: a decimal string or a number.",
            "type": ["string", "number"],
            "examples": ["0.5"],
        },
    )
    label = line("The name of the new version; one that is taken gets a suffix.", longest=_LONGEST_LABEL)


class PolicyRowSchema(OutputSchema):
    """A version of a book's policy; the newest is in force."""

    policy_version = text("Its label.")
    book = text("The book.")
    mode = enum_value(ExecutionMode, "Who trades for real.")
    switch = enum_value(Switch, "Whether real entries are sent, held back, or held back while all is closed.")
    split = number("Engine A's share, 0 to 1.")
    set_by = text("Who set it.")
    reason = text("Why.")
    created_at = utc_time("When.")


class LeftOpenSchema(OutputSchema):
    """What a book still has out for real."""

    trades = integer("Real trades that are pending or open.")
    orders = integer("Entry orders on their way.")


class SwitchedSchema(OutputSchema):
    """The version that is in force now, and what is still out for real."""

    policy = nested(PolicyRowSchema, "The version in force.")
    open = nested(LeftOpenSchema, "What is still out for real.")


def _shown(rows: Sequence[Document]) -> list[Document]:
    return [_format_version(policy.document(row), row["book"]) for row in rows]


SHOWN = Shown(name="policy", of=policies.VERSIONS, item=PolicyRowSchema, show=_shown)


@noun.lists("/policy", needs=Scope.READ, item=PolicyRowSchema, query=PolicyQuerySchema)
def list_policy(query: Document) -> Any:
    """List policy versions, newest first; of each book the first one is in force."""
    return paging.answer(SHOWN, query)


@noun.acts("/policy", needs=Scope.ADMIN, body=PolicyInputSchema, answer=PolicyRowSchema, status=201)
def set_policy(given: Document) -> Document:
    """Put a new version in force for new experiments; those that exist keep theirs."""
    split, book, audit = given.get("split"), given["book"], audit_context(given["reason"])
    request = PolicyRequest(
        mode=given.get("mode"), split_ppm=None if split is None else split_to_ppm(split), label=given.get("label")
    )
    try:
        version = here().change(lambda session: policy.set_policy(session, book, request, audit=audit))
    except NoPolicy:
        raise Invalid({"book": [f"there is no book {book!r} with a policy"]}) from None
    return _format_version(version, book)


@noun.acts("/policy/pause", needs=Scope.OPERATE, body=SwitchInputSchema, answer=SwitchedSchema)
def pause(given: Document) -> Document:
    """Send no new real entries.

    Once this has answered, no entry begins to be sent. Exits go on, and so does the shadow record of both engines.
    """
    return _set_switch(given, policy.pause)


@noun.acts("/policy/resume", needs=Scope.OPERATE, body=SwitchInputSchema, answer=SwitchedSchema, step_up=True)
def resume(given: Document) -> Document:
    """Send real entries again, for new experiments."""
    return _set_switch(given, policy.resume)


@noun.acts("/policy/flatten", needs=Scope.OPERATE, body=SwitchInputSchema, answer=SwitchedSchema, step_up=True)
def flatten(given: Document) -> Document:
    """Pause, and close everything that is open for real.

    The exits worker does it, until nothing is left; this answers at once, with what is still open.
    """
    return _set_switch(given, policy.flatten)


def _set_switch(given: Document, operation: Callable[..., Document]) -> Document:
    """Carry out `policy.pause`, `resume` or `flatten` for the book that was named."""
    book, audit = given["book"], audit_context(given["reason"])
    try:
        document = here().change(lambda session: operation(session, book, audit=audit))
    except NoSwitch:
        raise Invalid({"book": [f"there is no book {book!r} with a switch"]}) from None
    return document | {"policy": _format_version(document["policy"], book)}


def _format_version(version: Document, book: str) -> Document:
    return version | {"book": book, "created_at": canonical.format_time(version["created_at"])}
