"""Policies: which engine may trade for real, who said so, and the switch for real trading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.api import paging
from app.api.fields import Output, count, moment, one_of, part, ratio, text
from app.api.paging import PageInput, Shown
from app.api.problems import Invalid
from app.api.reach import here
from app.api.request_schemas import ReasonInput, line
from app.api.resource import Noun
from app.api.responses import act
from db import policies
from db.core import listing
from db.core.session import Session
from db.queries import real_exposure
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode, Switch
from operations import policy
from operations.policy import NoPolicy, NoSwitch, Wish

Document = dict[str, Any]
noun = Noun("policy", "Who may trade for real.")
_LONGEST_LABEL = 64


def _is_share(written: Decimal) -> None:
    try:
        split_to_ppm(written)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class PolicyQuery(PageInput):
    """Whose policy is listed."""

    book = line("Only versions of this book.")


class SwitchInput(ReasonInput):
    """The book whose switch is thrown, and why."""

    book = fields.String(
        required=True, validate=validate.OneOf(STANDING_BOOKS), metadata={"description": "The book; a replay has none."}
    )


class PolicyInput(SwitchInput):
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


class PolicyRow(Output):
    """A version of a book's policy; the newest is in force."""

    policy_version = text("Its label.")
    book = text("The book.")
    mode = one_of(ExecutionMode, "Who trades for real.")
    switch = one_of(Switch, "Whether real entries are sent, held back, or held back while all is closed.")
    split = ratio("Engine A's share, 0 to 1.")
    set_by = text("Who set it.")
    reason = text("Why.")
    created_at = moment("When.")


class LeftOpen(Output):
    """What a book still has out for real."""

    trades = count("Real trades that are pending or open.")
    orders = count("Entry orders on their way.")


class Switched(Output):
    """The version that is in force now, and what is still out for real."""

    policy = part(PolicyRow, "The version in force.")
    open = part(LeftOpen, "What is still out for real.")


def _shown(rows: Sequence[Document]) -> list[Document]:
    return [_version(row) for row in rows]


SHOWN = Shown(name="policy", of=policies.VERSIONS, item=PolicyRow, show=_shown)


@noun.lists("/policy", needs=Scope.READ, item=PolicyRow, query=PolicyQuery)
def list_policy(query: Document) -> Any:
    """List policy versions, newest first; of each book the first one is in force."""
    return paging.answer(SHOWN, query)


@noun.acts("/policy", needs=Scope.ADMIN, body=PolicyInput, answer=PolicyRow, status=201)
def set_policy(given: Document) -> Document:
    """Put a new version in force for new experiments; those that exist keep theirs."""
    split = given.get("split")
    wish = Wish(
        mode=given.get("mode"), split_ppm=None if split is None else split_to_ppm(split), label=given.get("label")
    )
    doing, book = act(given["reason"]), given["book"]

    def change(session: Session) -> Document:
        policy.set_policy(session, book, wish, act=doing)
        return _newest(session, book)

    return _done(change)


@noun.acts("/policy/pause", needs=Scope.OPERATE, body=SwitchInput, answer=Switched)
def pause(given: Document) -> Document:
    """Send no new real entries.

    Once this has answered, no entry begins to be sent. Exits go on, and so does the shadow record of both engines.
    """
    return _switched(given, Switch.PAUSED)


@noun.acts("/policy/resume", needs=Scope.OPERATE, body=SwitchInput, answer=Switched, step_up=True)
def resume(given: Document) -> Document:
    """Send real entries again, for new experiments."""
    return _switched(given, Switch.ON)


@noun.acts("/policy/flatten", needs=Scope.OPERATE, body=SwitchInput, answer=Switched, step_up=True)
def flatten(given: Document) -> Document:
    """Pause, and close everything that is open for real.

    The exits worker does it, until nothing is left; this answers at once, with what is still open.
    """
    return _switched(given, Switch.FLAT)


def _switched(given: Document, switch: Switch) -> Document:
    doing, book = act(given["reason"]), given["book"]

    def change(session: Session) -> Document:
        policy.throw(session, book, switch, act=doing)
        left = real_exposure.count_exposure(session, book)
        return {"policy": _newest(session, book), "open": {"trades": left.trades, "orders": left.orders}}

    return _done(change)


def _done(change: Callable[[Session], Document]) -> Document:
    try:
        return here().change(change)
    except NoPolicy as error:
        raise Invalid({"book": [f"there is no book {str(error)!r} with a policy"]}) from None
    except NoSwitch as error:
        raise Invalid({"book": [f"there is no book {str(error)!r} with a switch"]}) from None


def _newest(session: Session, book: str) -> Document:
    (row,) = listing.load_page(session, policies.VERSIONS, filters={"book": book}, limit=1)
    return _version(row)


def _version(row: Document) -> Document:
    return policy.described(row) | {"book": row["book"], "created_at": canonical.format_time(row["created_at"])}
