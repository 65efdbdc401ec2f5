"""Routes of sources: senders of alerts, their tokens, and message templates for TradingView.

A source's URL is enough to post alerts, so it is shown to administrators only.
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
from app.api.database_access import api_database
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
from app.api.paging import ListOutput, PageInputSchema
from app.api.problems import InvalidInput
from app.api.request_schemas import OptionalReasonInputSchema, check_optional_reason, integer_parameter, line_parameter
from app.api.resource import ApiResource
from app.api.responses import audit_context
from app.api.source_schemas import SourceInputSchema, is_source_name
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
resource = ApiResource("sources", "Senders of alerts.")


class SourceQuerySchema(PageInputSchema):
    """Filters of the list of sources."""

    book = line_parameter("Only sources of this book.")
    enabled = fields.Boolean(metadata={"description": "Only enabled sources, or only disabled ones."})


class NewSourceSchema(SourceInputSchema):
    """Settings of a new source, and the reason."""

    reason = fields.String(
        load_default="",
        validate=check_optional_reason,
        metadata={"description": "Reason; it is kept in the audit log."},
    )

    @post_load
    def make_source(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the source and the reason."""
        reason = data.pop("reason")
        return {"source": super().make_source(data), "reason": reason}


class RotateInputSchema(OptionalReasonInputSchema):
    """Options of a token's rotation."""

    keep_s = integer_parameter(
        "Seconds for which the current token stays valid beside the new one; 0 ends it at once.",
        least=0,
        most=MAX_KEEP_S,
        default=DEFAULT_KEEP_S,
        strict=True,
    )


class SourceRowSchema(OutputSchema):
    """A source: a sender of alerts, and the settings with which they are read."""

    name = text("Name.")
    book = text("Book that its signals go to.")
    token = text("Token; null unless you are an administrator.", null=True)
    url = text("Webhook URL for its alerts; null unless you are an administrator.", null=True)
    enabled = boolean("True when its alerts are accepted.")
    strategy = text("Strategy of alerts that name none.")
    timeframe = text("Interval of alerts that name none.", null=True)
    exchange = text("Exchange of alerts that name none.")
    instrument_kind = enum_value(InstrumentKind, "Kind of instrument of its symbols.", null=True)
    sell_alone = enum_value(SellAlone, "Meaning of a sell without further information.", null=True)
    confidence_scale = integer("Number that means full confidence: 1, 10 or 100.")
    max_lag_s = integer("Age in seconds beyond which an alert is stale.")
    dialect = text("Dialect of its messages; null when it is recognized by their content.", null=True)
    symbols = json_object("Symbols it sends, and the symbols that they mean.")
    heartbeat_s = integer("Seconds without a message after which an incident is opened.", null=True)
    timezone = text("Time zone of times that name none; null for UTC.", null=True)
    calendar = text("Trading calendar with whose sessions its bars close; null for that of the exchange.", null=True)
    sizing = decimal("Share of its book's capital on which its entries are sized.")
    pyramiding = integer("Most real trades it holds at once in one strategy, symbol and side.")


class RotatedSchema(SourceRowSchema):
    """A source with its new token."""

    previous_until = utc_time("Time until which the previous token stays valid.")


class SourceActivitySchema(OutputSchema):
    """The activity of a source, and its open incidents."""

    name = text("Name.")
    heard_at = utc_time("Time of its last message, quarantined ones included.", null=True)
    last_signal_at = utc_time("Time of its last accepted alert.", null=True)
    silent_s = number("Seconds since its last message, or since it was added when there was none.")
    recent_alerts = integer(
        "Number of alerts in the last three minutes; TradingView stops an alert that fires more than 15 times."
    )
    quarantined_in_day = integer("Number of messages of the last day that could not be read.")
    quarantined = integer("Number of all messages that could not be read.")
    ends_in_s = number(
        "Seconds until TradingView ends its alerts; null when none came since they were created.", null=True
    )
    warnings = text_list("Kinds of its open incidents.")


class TemplateSchema(OutputSchema):
    """Webhook URL and messages for a TradingView alert."""

    url = text("Webhook URL; null unless you are an administrator.", null=True)
    strategy = text("Message of a strategy's alert.")
    buy = text("Message of an indicator's alert that opens a long position.")
    exit = text("Message of an indicator's alert that closes it.")
    bars = text("Message of an alert that fires once per bar close and brings the bar.")


def _format_rows(rows: Sequence[Document]) -> list[Document]:
    links = _links_for_caller()
    return [source_operations.document(sources.build_source(row), links) for row in rows]


LIST_OUTPUT = ListOutput(
    name="sources",
    query=sources.SOURCES,
    item=SourceRowSchema,
    render=_format_rows,
    omitted_in_csv=frozenset({"token", "url"}),
)


@resource.list_route("/sources", needs=Scope.READ, item=SourceRowSchema, query=SourceQuerySchema)
def list_sources(query: Document) -> Any:
    """List sources by name."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/sources/<name>", needs=Scope.READ, answer=SourceRowSchema)
def show_source(name: str) -> Document:
    """Show a source."""
    return _load_document(name)


@resource.detail_route("/sources/<name>/activity", needs=Scope.READ, answer=SourceActivitySchema)
def show_activity(name: str) -> Document:
    """Show the activity of a source of a standing book, and its open incidents; sources of replays are not found."""
    activities = api_database().read(activity.load)
    source = next((candidate for candidate in activities if candidate.name == name), None)
    if source is None:
        raise NotFound(f"there is no source named {name!r} that posts into {', '.join(STANDING_BOOKS)}")
    return {
        "name": source.name,
        "heard_at": _format_optional_time(source.heard_at),
        "last_signal_at": _format_optional_time(source.last_signal_at),
        "silent_s": source.silent_s,
        "recent_alerts": source.recent_alerts,
        "quarantined_in_day": source.quarantined_in_day,
        "quarantined": source.quarantined,
        "ends_in_s": source.ends_in_s,
        "warnings": source.warnings,
    }


@resource.detail_route("/sources/<name>/template", needs=Scope.READ, answer=TemplateSchema)
def show_template(name: str) -> Document:
    """Show the webhook URL and the messages for TradingView alerts of a source."""
    return source_operations.alert_messages() | {"url": _load_document(name)["url"]}


@resource.action_route(
    "/sources", needs=Scope.ADMIN, body=NewSourceSchema, answer=SourceRowSchema, status=201, errors=(409,)
)
def add_source(body: Document) -> Document:
    """Add a source, with a token of its own."""
    source, audit, links = body["source"], audit_context(body["reason"]), _make_links()
    try:
        return api_database().change(lambda session: source_operations.add(session, source, links=links, audit=audit))
    except SourceExists:
        raise Conflict(f"there is a source named {source.name!r} already") from None
    except BookUnknown:
        message = f"there is no book named {source.book!r}; the standing ones are {', '.join(STANDING_BOOKS)}"
        raise InvalidInput({"book": [message]}) from None


@resource.action_route("/sources/<name>/rotate", needs=Scope.ADMIN, body=RotateInputSchema, answer=RotatedSchema)
def rotate_source(body: Document, *, name: str) -> Document:
    """Issue a new token for a source; the current one stays valid for a while."""
    keep_s, audit, links = body["keep_s"], audit_context(body["reason"]), _make_links()
    document = _change(
        name, lambda session: source_operations.rotate(session, name, keep_s=keep_s, links=links, audit=audit)
    )
    return document | {"previous_until": canonical.format_time(document["previous_until"])}


@resource.action_route(
    "/sources/<name>/enable", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema
)
def enable_source(body: Document, *, name: str) -> Document:
    """Accept alerts of a source again."""
    audit, links = audit_context(body["reason"]), _make_links()
    return _change(name, lambda session: source_operations.enable(session, name, audit=audit, links=links))


@resource.action_route(
    "/sources/<name>/disable", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema
)
def disable_source(body: Document, *, name: str) -> Document:
    """Refuse alerts of a source from now on."""
    audit, links = audit_context(body["reason"]), _make_links()
    return _change(name, lambda session: source_operations.disable(session, name, audit=audit, links=links))


@resource.action_route(
    "/sources/<name>/renewed", needs=Scope.ADMIN, body=OptionalReasonInputSchema, answer=SourceRowSchema
)
def renew_source(body: Document, *, name: str) -> Document:
    """Record that the alerts of a source were created anew at TradingView, which ends them after two months."""
    audit, links = audit_context(body["reason"]), _make_links()
    return _change(name, lambda session: source_operations.record_renewal(session, name, audit=audit, links=links))


def _load_document(name: str) -> Document:
    links = _links_for_caller()
    return _change(name, lambda session: source_operations.document(sources.by_name(session, name), links))


def _change(name: str, work: Callable[[Session], T]) -> T:
    """Do work on a source in one transaction; a name that no source can have is not looked up."""
    try:
        if not is_source_name(name):
            raise SourceUnknown(name)
        return api_database().change(work)
    except SourceUnknown:
        raise NotFound(f"there is no source named {name!r}") from None


def _links_for_caller() -> SourceLinks | None:
    """Return the links for administrators; None for others, who must not see tokens and URLs."""
    principal = permissions.principal()
    return _make_links() if principal is not None and Scope.ADMIN in principal.scopes else None


def _make_links() -> SourceLinks:
    """Return the builder of tokens' URLs; 503 without a SECRET_KEY to decrypt them."""
    base = request.host_url if request.host else None
    try:
        return source_links.make_links(api_database().settings, fallback_base=base)
    except NoSecretKey as error:
        raise ServiceUnavailable(str(error)) from None


def _format_optional_time(at: datetime | None) -> str | None:
    return canonical.format_time(at) if at is not None else None
