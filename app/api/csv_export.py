"""Lists as CSV, streamed page by page; cells are escaped so that no spreadsheet takes one for a formula.

When a page cannot be read, the last row says so and has one cell too many, so that strict CSV readers fail too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import structlog
from flask import Response
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from app.api.fields import DecimalField, TimestampField

MEDIA_TYPE = "text/csv"
TRUNCATED = "ERROR: the list breaks off here"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

Document = dict[str, Any]
log = structlog.get_logger()


def csv_response(name: str, schema: Schema, *, first: list[Document], rest: Iterator[list[Document]]) -> Response:
    """Return a response that streams a CSV file: the header row, the `first` page, then the `rest` as it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(
        _stream_lines(schema, first, rest), content_type=f"{MEDIA_TYPE}; charset=utf-8; header=present", headers=headers
    )


def _stream_lines(schema: Schema, first: list[Document], rest: Iterator[list[Document]]) -> Iterator[str]:
    """Yield the file in pieces; after a failed page, a last row that says so."""
    yield _format_rows([list(schema.fields)])
    yield _format_rows(_format_cells(schema, first))
    try:
        for page in rest:
            yield _format_rows(_format_cells(schema, page))
    except HTTPException as error:
        # The status 200 is sent already, and the server would end a failing response as if it were complete.
        log.warning("api.sheet_broken_off", error=type(error).__name__)
        yield _format_rows([[TRUNCATED, str(error.description), *[""] * (len(schema.fields) - 1)]])


def _format_cells(schema: Schema, rows: Sequence[Document]) -> Iterator[list[str]]:
    for row in rows:
        document = schema.dump(row)
        yield [_format_cell(field, document[name]) for name, field in schema.fields.items()]


def _format_cell(field: fields.Field[Any], value: Any) -> str:
    """Return the text of a cell; texts that a spreadsheet would take for a formula begin with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    is_text = not isinstance(field, DecimalField | TimestampField | fields.Number)
    return f"'{text}" if is_text and text.startswith(_FORMULA_STARTS) else text


def _format_rows(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
