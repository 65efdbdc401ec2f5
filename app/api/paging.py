"""Lists: pages of JSON with a cursor for the next one, or all rows as CSV."""

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
from app.api.database_access import ApiDatabase, api_database
from app.api.fields import OutputSchema
from app.api.problems import InvalidInput
from app.api.request_schemas import InputSchema
from db.core import listing
from db.core.listing import PageQuery, SortKey
from reporting import signal_trace

DEFAULT, MOST = 50, 500
LINK = {"Link": {"description": 'The next page: `<...>; rel="next"`.', "schema": {"type": "string"}}}
_INVALID_CURSOR = "is not the `next` of this list"
_NOT_WITH_CSV = "cannot be used with CSV, which has all rows"
_LARGEST_INTEGER = 2**63 - 1

Document = dict[str, Any]
RenderRows = Callable[[Sequence[Document]], list[Document]]


class ListFormat(Enum):
    """The media type of a list."""

    JSON = "json"
    CSV = "csv"


class PageInputSchema(InputSchema):
    """Query parameters of every list: the page and the format."""

    limit = fields.Integer(
        load_default=DEFAULT,
        validate=validate.Range(min=1, max=MOST),
        metadata={"description": "Maximum number of rows."},
    )
    cursor = fields.String(
        metadata={"description": "The `next` of the page before; without it the list starts with its first row."}
    )
    format = fields.Enum(
        ListFormat,
        by_value=True,
        metadata={"description": "`csv` returns all rows without pages, as `Accept: text/csv` does."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutput:
    """Output of a list: its query, the schema of its rows, and the fields that CSV leaves out."""

    name: str
    query: PageQuery
    item: type[Schema]
    render: RenderRows = signal_trace.convert_rows
    omitted_in_csv: frozenset[str] = frozenset()


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page whose rows have the schema `item`."""
    return OutputSchema.from_dict(
        {
            "items": fields.List(
                fields.Nested(item), required=True, metadata={"description": "Rows of this page, in order."}
            ),
            "next": fields.String(
                required=True,
                allow_none=True,
                metadata={"description": "The `cursor` of the next page; null when this is the last one."},
            ),
        },
        name=f"{item.__name__.removesuffix('Schema')}Page",
    )


def list_response(output: ListOutput, query: Mapping[str, Any]) -> Response | tuple[Document, int, dict[str, str]]:
    """Return a page of a list as JSON, or all of it as CSV, as the query asks."""
    filters = {name: _parameter_value(value) for name, value in query.items() if name in output.query.conditions}
    if _requested_format(query) is ListFormat.CSV:
        return _csv_response(output, filters)
    after = _read_cursor(output, query["cursor"]) if "cursor" in query else None
    rows = _load_rows(api_database(), output, filters, after=after, limit=query["limit"] + 1)
    items, more = rows[: query["limit"]], rows[query["limit"] :]
    cursor = _make_cursor(output, items[-1]) if more else None
    return {"items": output.render(items), "next": cursor}, 200, _link_header(cursor)


def _requested_format(query: Mapping[str, Any]) -> ListFormat:
    """Return the format from the parameter `format`, else from the Accept header."""
    if "format" in query:
        form: ListFormat = query["format"]
        return form
    preferred = request.accept_mimetypes.best_match(["application/json", "text/csv"], default="application/json")
    return ListFormat.CSV if preferred == "text/csv" else ListFormat.JSON


def _csv_response(output: ListOutput, filters: listing.Filters) -> Response:
    """Return the whole list as CSV; the paging parameters are refused."""
    errors = {name: [_NOT_WITH_CSV] for name in ("limit", "cursor") if name in request.args}
    if errors:
        raise InvalidInput(errors)
    pages = _load_pages(api_database(), output, filters)
    schema = output.item(exclude=output.omitted_in_csv)
    return csv_export.csv_response(output.name, schema, first=next(pages), rest=pages)


def _load_pages(database: ApiDatabase, output: ListOutput, filters: listing.Filters) -> Iterator[list[Document]]:
    """Yield the pages of a list, each read in its own transaction: none is open while they are sent."""
    after: tuple[Any, ...] | None = None
    while True:
        rows = _load_rows(database, output, filters, after=after, limit=MOST)
        yield output.render(rows)
        if len(rows) < MOST:
            return
        after = output.query.sort_values_of(rows[-1])


def _load_rows(
    database: ApiDatabase, output: ListOutput, filters: listing.Filters, *, after: tuple[Any, ...] | None, limit: int
) -> list[Document]:
    return database.read(
        lambda session: listing.load_page(session, output.query, filters=filters, after=after, limit=limit)
    )


def _parameter_value(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _make_cursor(output: ListOutput, row: Mapping[str, Any]) -> str:
    sort_values = [value if isinstance(value, int) else str(value) for value in output.query.sort_values_of(row)]
    return base64.urlsafe_b64encode(msgspec.json.encode([output.name, *sort_values])).decode().rstrip("=")


def _read_cursor(output: ListOutput, cursor: str) -> tuple[Any, ...]:
    """Return the sort values in a cursor of this list; a forged or foreign one is refused."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, *sort_values = msgspec.json.decode(
            base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        )
        if name != output.name:
            raise ValueError(name)
        return tuple(_parse_sort_value(key, value) for key, value in zip(output.query.order, sort_values, strict=True))
    except (binascii.Error, msgspec.DecodeError, RecursionError, TypeError, ValueError):
        raise InvalidInput({"cursor": [_INVALID_CURSOR]}) from None


def _parse_sort_value(key: SortKey, value: Any) -> Any:
    """Parse one sort value of a cursor, which the client may have forged."""
    if key.kind is int:
        if type(value) is not int or not 0 <= value <= _LARGEST_INTEGER:
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


def _link_header(cursor: str | None) -> dict[str, str]:
    """Return the Link header with the URL of the next page; nothing on the last page."""
    if cursor is None:
        return {}
    query = urlencode({**request.args, "cursor": cursor})
    return {"Link": f'<{request.path}?{query}>; rel="next"'}
