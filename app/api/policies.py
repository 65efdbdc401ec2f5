"""Routes of policies: the engines that trade for real, and the switch for real trading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate
from werkzeug.exceptions import Conflict

from app.api import paging
from app.api.database_access import api_database
from app.api.fields import OutputSchema, boolean, enum_value, integer, nested_object, number, text, utc_time
from app.api.paging import ListOutput, PageInputSchema
from app.api.problems import InvalidInput
from app.api.request_schemas import ReasonInputSchema, line_parameter
from app.api.resource import ApiResource
from app.api.responses import audit_context
from db import policies
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode, Switch
from operations import policy
from operations.policy import FlattenUnfinished, NoPolicy, NoSwitch, NotFlattening, PolicyRequest

Document = dict[str, Any]
resource = ApiResource("policy", "Policy versions and the switch for real trading.")
_LONGEST_LABEL = 64


def _check_share(share: Decimal) -> None:
    try:
        split_to_ppm(share)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class PolicyQuerySchema(PageInputSchema):
    """Filters of the list of policy versions."""

    book = line_parameter("Only versions of this book.")


class SwitchInputSchema(ReasonInputSchema):
    """The book whose switch is set, and the reason."""

    book = fields.String(
        required=True,
        validate=validate.OneOf(STANDING_BOOKS),
        metadata={"description": "Book; replay books have no switch."},
    )


class PolicyInputSchema(SwitchInputSchema):
    """A new policy version; missing fields keep their values."""

    mode = fields.Enum(ExecutionMode, by_value=True, metadata={"description": "Engine that trades for real."})
    split = fields.Decimal(
        validate=_check_share,
        metadata={
            "description": "Share of engine A, 0 to 1 with at most 6 decimals: a decimal string or a number.",
            "type": ["string", "number"],
            "examples": ["0.5"],
        },
    )
    label = line_parameter("Label of the new version; one that exists already gets a suffix.", longest=_LONGEST_LABEL)


class PolicyRowSchema(OutputSchema):
    """A version of a book's policy; the newest is in force."""

    policy_version = text("Label.")
    book = text("Book.")
    mode = enum_value(ExecutionMode, "Engine that trades for real.")
    switch = enum_value(
        Switch,
        "Switch: real entries are sent (on), held back (paused), or held back while positions are closed (flat).",
    )
    split = number("Share of engine A, 0 to 1.")
    set_by = text("Name of who set it.")
    reason = text("Reason.")
    created_at = utc_time("Time.")


class LeftOpenSchema(OutputSchema):
    """The real trades and orders of a book that are still open."""

    trades = integer("Number of real trades that are pending or open.")
    orders = integer("Number of entry orders in flight.")


class SwitchedSchema(OutputSchema):
    """The policy version now in force, and the real exposure that is left."""

    policy = nested_object(PolicyRowSchema, "Policy version in force.")
    changed = boolean("False when the switch was in this position, or in a stronger one, before.")
    open = nested_object(LeftOpenSchema, "Real exposure that is left.")


def _format_rows(rows: Sequence[Document]) -> list[Document]:
    return [_format_version(policy.document(row), row["book"]) for row in rows]


LIST_OUTPUT = ListOutput(name="policy", query=policies.VERSIONS, item=PolicyRowSchema, render=_format_rows)


@resource.list_route("/policy", needs=Scope.READ, item=PolicyRowSchema, query=PolicyQuerySchema)
def list_policy(query: Document) -> Any:
    """List policy versions, newest first; of each book the first one is in force."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.action_route("/policy", needs=Scope.ADMIN, body=PolicyInputSchema, answer=PolicyRowSchema, status=201)
def set_policy(body: Document) -> Document:
    """Put a new version in force for new experiments; those that exist keep theirs."""
    split, book, audit = body.get("split"), body["book"], audit_context(body["reason"])
    request = PolicyRequest(
        mode=body.get("mode"), split_ppm=None if split is None else split_to_ppm(split), label=body.get("label")
    )
    try:
        version = api_database().change(lambda session: policy.set_policy(session, book, request, audit=audit))
    except NoPolicy:
        raise InvalidInput({"book": [f"there is no book {book!r} with a policy"]}) from None
    return _format_version(version, book)


@resource.action_route("/policy/pause", needs=Scope.OPERATE, body=SwitchInputSchema, answer=SwitchedSchema)
def pause(body: Document) -> Document:
    """Send no new real entries.

    After the answer no entry is submitted. Exits and the shadow record of both engines go on. A book that is being
    flattened goes on being flattened.
    """
    return _set_switch(body, policy.pause)


@resource.action_route(
    "/policy/resume",
    needs=Scope.OPERATE,
    body=SwitchInputSchema,
    answer=SwitchedSchema,
    step_up=True,
    errors=(409,),
)
def resume(body: Document) -> Document:
    """Send real entries again, for new experiments.

    409 while the book is being flattened and something real is still open: end that by name first.
    """
    try:
        return _set_switch(body, policy.resume)
    except FlattenUnfinished as error:
        raise Conflict(f"{error}; to leave them open, POST /policy/end-flatten first") from None


@resource.action_route(
    "/policy/flatten", needs=Scope.OPERATE, body=SwitchInputSchema, answer=SwitchedSchema, step_up=True
)
def flatten(body: Document) -> Document:
    """Pause, and close everything that is open for real.

    The exits worker closes the positions; the answer comes at once, with what is still open.
    """
    return _set_switch(body, policy.flatten)


@resource.action_route(
    "/policy/end-flatten",
    needs=Scope.OPERATE,
    body=SwitchInputSchema,
    answer=SwitchedSchema,
    step_up=True,
    errors=(409,),
)
def end_flatten(body: Document) -> Document:
    """Stop closing what is open for real; the book stays paused.

    `open` counts what is left open: exits by the engines' plans and alerts close it. 409 when the book is not being
    flattened.
    """
    try:
        return _set_switch(body, policy.end_flatten)
    except NotFlattening as error:
        raise Conflict(str(error)) from None


def _set_switch(body: Document, operation: Callable[..., Document]) -> Document:
    """Carry out an operation on the switch of the book that was named."""
    book, audit = body["book"], audit_context(body["reason"])
    try:
        document = api_database().change(lambda session: operation(session, book, audit=audit))
    except NoSwitch:
        raise InvalidInput({"book": [f"there is no book {book!r} with a switch"]}) from None
    return document | {"policy": _format_version(document["policy"], book)}


def _format_version(version: Document, book: str) -> Document:
    """Return a version with its book, and its time as text."""
    return version | {"book": book, "created_at": canonical.format_time(version["created_at"])}
