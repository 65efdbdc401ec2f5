"""Sources: who may post alerts, and what to paste into TradingView.

Whoever has a source's URL can post alerts in its name, so it is shown to administrators only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from flask import request
from marshmallow import fields, post_load
from werkzeug.exceptions import Conflict, NotFound, ServiceUnavailable

from app.access import permissions
from app.api import paging
from app.api.fields import (
    OutputSchema,
    boolean,
    decimal,
    enum_value,
    integer,
    json_object,
    number,
    text,
    text_list,
    utc_time,
)
from app.api.paging import PageInputSchema, Shown
from app.api.problems import Invalid
from app.api.reach import here
from app.api.request_schemas import OptionalReasonInputSchema, line, whole
from app.api.resource import Noun
from app.api.responses import audit_context
from app.api.source_schemas import SourceInputSchema, is_name, is_reason_if_any
from db import sources
from db.core.session import Session
from db.source_health import activity
from db.sources import BookUnknown, SourceExists, SourceUnknown
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.signal import InstrumentKind, SellAlone
from operations import source_links
from operations import sources as source_operations
from operations.source_links import NoSecretKey, SourceLinks
from operations.sources import DEFAULT_KEEP_S, MAX_KEEP_S

Document = dict[str, Any]
T = TypeVar("T")
noun = Noun("sources", "Who may post alerts.")


class SourceQuerySchema(PageInputSchema):
    """Which sources are listed."""

    book = line("Only sources of this book.")
    enabled = fields.Boolean(metadata={"description": "Only sources that may post, or that may not."})


class NewSourceSchema(SourceInputSchema):
    """What it takes to make a source, and why it is made."""

    reason = fields.String(
        load_default="", validate=is_reason_if_any, metadata={"description": "Why; it is kept in the audit log."}
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the source that was described, and the reason."""
        reason = data.pop("reason")
        return {"source": super().make(data), "reason": reason}


class RotateInputSchema(OptionalReasonInputSchema):
    """How a source gets another token."""

    keep_s = whole(
        "How long the present token holds beside the new one, in seconds; 0 ends it at once.",
        least=0,
        most=MAX_KEEP_S,
        default=DEFAULT_KEEP_S,
        strict=True,
    )


class SourceRowSchema(OutputSchema):
    """A source: who may post alerts, and how they are read."""

    name = text("Its name.")
    book = text("The book its signals go to.")
    token = text("Its token; null unless you are an administrator.", null=True)
    url = text("Where its alerts are posted to; null unless you are an administrator.", null=True)
    enabled = boolean("Whether what it posts is taken.")
    strategy = text("The strategy of alerts that name none.")
    timeframe = text("The interval of alerts that name none.", null=True)
    exchange = text("The exchange of alerts that name none.")
    instrument_kind = enum_value(InstrumentKind, "What its symbols are.", null=True)
    sell_alone = enum_value(SellAlone, "What a bare sell means.", null=True)
    confidence_scale = integer("What full confidence is: 1, 10 or 100.")
    max_lag_s = integer("Alerts that are older, in seconds, are stale.")
    dialect = text("The form of its messages; null when that is told by their content.", null=True)
    symbols = json_object("How to read symbols it sends.")
    heartbeat_s = integer("An incident is opened when it is silent for longer, in seconds.", null=True)
    sizing = decimal("The share of its book's capital that its entries are sized on.")


class RotatedSchema(SourceRowSchema):
    """The source with its new token."""

    previous_until = utc_time("Until when the token before holds.")


class SourceActivitySchema(OutputSchema):
    """What a source does, and what is the matter with it."""

    name = text("Its name.")
    heard_at = utc_time("When it was last heard, a message in quarantine too.", null=True)
    last_signal_at = utc_time("When its newest alert was taken.", null=True)
    silent_s = number("For how long it has been silent, in seconds; from when it was made, when it was never heard.")
    recent_alerts = integer(
        "How many alerts of the last three minutes; TradingView stops one that fires more than 15 times."
    )
    quarantined_in_day = integer("How many messages of the last day could not be read.")
    quarantined = integer("How many messages could not be read, ever.")
    ends_in_s = number(
        "In how many seconds TradingView ends its alerts; null when none came since they were made.", null=True
    )
    warnings = text_list("The kinds of its open incidents.")


class TemplateSchema(OutputSchema):
    """What to paste into a TradingView alert."""

    url = text("The webhook URL; null unless you are an administrator.", null=True)
    strategy = text("The message of a strategy's alert.")
    buy = text("The message of an indicator's alert that opens a long.")
    exit = text("The message of one that closes it.")


def _shown(rows: Sequence[Document]) -> list[Document]:
    links = _links_for_caller()
    return [source_operations.document(sources.build_source(row), links) for row in rows]


SHOWN = Shown(
    name="sources", of=sources.SOURCES, item=SourceRowSchema, show=_shown, left_out=frozenset({"token", "url"})
)


@noun.lists("/sources", needs=Scope.READ, item=SourceRowSchema, query=SourceQuerySchema)
def list_sources(query: Document) -> Any:
    """List sources by name."""
    return paging.answer(SHOWN, query)


@noun.shows("/sources/<name>", needs=Scope.READ, answer=SourceRowSchema)
def show_source(name: str) -> Document:
    """Show a source."""
    return _load_document(name)


@noun.shows("/sources/<name>/activity", needs=Scope.READ, answer=SourceActivitySchema)
def show_activity(name: str) -> Document:
    """Show when a source was heard, and what is the matter with it; of a replay's source nothing is told."""
    found = here().read(activity.load)
    doing = next((one for one in found if one.name == name), None)
    if doing is None:
        raise NotFound(f"there is no source named {name!r} that posts into {', '.join(STANDING_BOOKS)}")
    return {
        "name": doing.name,
        "heard_at": _instant(doing.heard_at),
        "last_signal_at": _instant(doing.last_signal_at),
        "silent_s": doing.silent_s,
        "recent_alerts": doing.recent_alerts,
        "quarantined_in_day": doing.quarantined_in_day,
        "quarantined": doing.quarantined,
        "ends_in_s": doing.ends_in_s,
        "warnings": doing.warnings,
    }


@noun.shows("/sources/<name>/template", needs=Scope.READ, answer=TemplateSchema)
def show_template(name: str) -> Document:
    """Show what to paste into a TradingView alert of a source."""
    return source_operations.alert_messages() | {"url": _load_document(name)["url"]}


@noun.acts("/sources", needs=Scope.ADMIN, body=NewSourceSchema, answer=SourceRowSchema, status=201, errors=(409,))
def add_source(given: Document) -> Document:
    """Make a source, with a token of its own."""
    source, audit, links = given["source"], audit_context(given["reason"]), _make_links()
    try:
        return here().change(lambda session: source_operations.add(session, source, links=links, audit=audit))
    except SourceExists:
        raise Conflict(f"there is a source named {source.name!r} already") from None
    except BookUnknown:
        message = f"there is no book named {source.book!r}; the standing ones are {', '.join(STANDING_BOOKS)}"
        raise Invalid({"book": [message]}) from None


@noun.acts("/sources/<name>/rotate", needs=Scope.ADMIN, body=RotateInputSchema, answer=RotatedSchema)
def rotate_source(given: Document, *, name: str) -> Document:
    """Give a source another token; the present one still holds for a while."""
    keep_s, audit, links = given["keep_s"], audit_context(given["reason"]), _make_links()
    document = _change(
        name, lambda session: source_operations.rotate(session, name, keep_s=keep_s, links=links, audit=audit)
    )
    return document | {"previous_until": canonical.format_time(document["previous_until"])}


@noun.acts("/sources/<name>/enable", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema)
def enable_source(given: Document, *, name: str) -> Document:
    """Take again what a source posts."""
    audit, links = audit_context(given["reason"]), _make_links()
    return _change(name, lambda session: source_operations.enable(session, name, audit=audit, links=links))


@noun.acts("/sources/<name>/disable", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema)
def disable_source(given: Document, *, name: str) -> Document:
    """Refuse what a source posts from now on."""
    audit, links = audit_context(given["reason"]), _make_links()
    return _change(name, lambda session: source_operations.disable(session, name, audit=audit, links=links))


@noun.acts("/sources/<name>/renewed", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema)
def renew_source(given: Document, *, name: str) -> Document:
    """Note that the alerts of a source were made anew at TradingView, which ends them after two months."""
    audit, links = audit_context(given["reason"]), _make_links()
    return _change(name, lambda session: source_operations.record_renewal(session, name, audit=audit, links=links))


def _load_document(name: str) -> Document:
    links = _links_for_caller()
    return _change(name, lambda session: source_operations.document(sources.by_name(session, name), links))


def _change(name: str, work: Callable[[Session], T]) -> T:
    """Do work on a source in one transaction; a name that no source can have is not looked up."""
    try:
        if not is_name(name):
            raise SourceUnknown(name)
        return here().change(work)
    except SourceUnknown:
        raise NotFound(f"there is no source named {name!r}") from None


def _links_for_caller() -> SourceLinks | None:
    """Return the links for administrators; None for everybody else, who must not see tokens and URLs."""
    who = permissions.principal()
    return _make_links() if who is not None and Scope.ADMIN in who.scopes else None


def _make_links() -> SourceLinks:
    base = request.host_url if request.host else None
    try:
        return source_links.make_links(here().settings, fallback_base=base)
    except NoSecretKey as error:
        raise ServiceUnavailable(str(error)) from None


def _instant(at: datetime | None) -> str | None:
    return canonical.format_time(at) if at is not None else None
