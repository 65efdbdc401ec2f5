"""Lists: a page of JSON with the way to the next one, or all of it as CSV."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from flask import Response, request
from marshmallow import Schema, fields, validate

from app.api import csv_export
from app.api.fields import OutputSchema
from app.api.problems import Invalid
from app.api.reach import Reach, here
from app.api.request_schemas import InputSchema
from db.core import listing
from db.core.listing import PageQuery, SortKey
from reporting import signal_trace

DEFAULT, MOST = 50, 500
LINK = {"Link": {"description": 'The next page: `<...>; rel="next"`.', "schema": {"type": "string"}}}
_NO_CURSOR = "is not the `next` of this list"
_IN_A_SHEET = "does not go with CSV, which has every row"
_LARGEST = 2**63 - 1

Document = dict[str, Any]
Show = Callable[[Sequence[Document]], list[Document]]


class Form(Enum):
    """How a list is written."""

    JSON = "json"
    CSV = "csv"


class PageInputSchema(InputSchema):
    """Which page of a list is wanted, and how it is written."""

    limit = fields.Integer(
        load_default=DEFAULT,
        validate=validate.Range(min=1, max=MOST),
        metadata={"description": "At most so many rows."},
    )
    cursor = fields.String(
        metadata={"description": "The `next` of the page before; without it the list begins at its first row."}
    )
    format = fields.Enum(
        Form,
        by_value=True,
        metadata={"description": "`csv` gives all rows, as `Accept: text/csv` does; then there are no pages."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the rows of a list are shown: each as `item`, in CSV without those of its fields that are `left_out`."""

    name: str
    of: PageQuery
    item: type[Schema]
    show: Show = signal_trace.convert_rows
    left_out: frozenset[str] = frozenset()


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of such items."""
    return OutputSchema.from_dict(
        {
            "items": fields.List(
                fields.Nested(item), required=True, metadata={"description": "The rows of this page, in order."}
            ),
            "next": fields.String(
                required=True,
                allow_none=True,
                metadata={"description": "The `cursor` of the next page; null when this is the last one."},
            ),
        },
        name=f"{item.__name__.removesuffix('Schema')}Page",
    )


def answer(shown: Shown, query: Mapping[str, Any]) -> Response | tuple[Document, int, dict[str, str]]:
    """Answer a list as it was asked for."""
    filters = {name: _plain(value) for name, value in query.items() if name in shown.of.conditions}
    if _form(query) is Form.CSV:
        return _sheet(shown, filters)
    after = _place(shown, query["cursor"]) if "cursor" in query else None
    found = _rows(here(), shown, filters, after=after, limit=query["limit"] + 1)
    items, more = found[: query["limit"]], found[query["limit"] :]
    cursor = _cursor(shown, items[-1]) if more else None
    return {"items": shown.show(items), "next": cursor}, 200, _link(cursor)


def _form(query: Mapping[str, Any]) -> Form:
    if "format" in query:
        form: Form = query["format"]
        return form
    preferred = request.accept_mimetypes.best_match(["application/json", "text/csv"], default="application/json")
    return Form.CSV if preferred == "text/csv" else Form.JSON


def _sheet(shown: Shown, filters: listing.Filters) -> Response:
    refused = {name: [_IN_A_SHEET] for name in ("limit", "cursor") if name in request.args}
    if refused:
        raise Invalid(refused)
    pages = _pages(here(), shown, filters)
    schema = shown.item(exclude=shown.left_out)
    return csv_export.answer(shown.name, schema, first=next(pages), rest=pages)


def _pages(reach: Reach, shown: Shown, filters: listing.Filters) -> Iterator[list[Document]]:
    """Yield the pages of a list, each of them read on its own: nothing stays open while they are sent."""
    after: tuple[Any, ...] | None = None
    while True:
        found = _rows(reach, shown, filters, after=after, limit=MOST)
        yield shown.show(found)
        if len(found) < MOST:
            return
        after = shown.of.sort_values_of(found[-1])


def _rows(
    reach: Reach, shown: Shown, filters: listing.Filters, *, after: tuple[Any, ...] | None, limit: int
) -> list[Document]:
    return reach.read(lambda session: listing.load_page(session, shown.of, filters=filters, after=after, limit=limit))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _cursor(shown: Shown, row: Mapping[str, Any]) -> str:
    place = [value if isinstance(value, int) else str(value) for value in shown.of.sort_values_of(row)]
    return base64.urlsafe_b64encode(msgspec.json.encode([shown.name, *place])).decode().rstrip("=")


def _place(shown: Shown, cursor: str) -> tuple[Any, ...]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, *place = msgspec.json.decode(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if name != shown.name:
            raise ValueError(name)
        return tuple(_read(key, value) for key, value in zip(shown.of.order, place, strict=True))
    except (binascii.Error, msgspec.DecodeError, RecursionError, TypeError, ValueError):
        raise Invalid({"cursor": [_NO_CURSOR]}) from None


def _read(key: SortKey, value: Any) -> Any:
    """Read a part of a cursor, which anybody may have written."""
    if key.kind is int:
        if type(value) is not int or not 0 <= value <= _LARGEST:
            raise ValueError(value)
        return value
    if key.kind is datetime:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(value)
        return at
    if key.kind is UUID:
        return UUID(value)
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(value)
    return value


def _link(cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    query = urlencode({**request.args, "cursor": cursor})
    return {"Link": f'<{request.path}?{query}>; rel="next"'}
