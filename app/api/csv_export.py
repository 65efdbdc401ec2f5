"""Lists as CSV, sent page by page as they are read; no cell is a formula where a spreadsheet opens it.

A list that cannot be read to its end ends with a row that says so and has one cell too many, so that whoever reads it
strictly stops there too.
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
BROKEN_OFF = "ERROR: the list breaks off here"
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Document = dict[str, Any]
log = structlog.get_logger()


def answer(name: str, schema: Schema, *, first: list[Document], rest: Iterator[list[Document]]) -> Response:
    """Answer rows as a file of that name: a header row, then each page; the first one is read already."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(
        _lines(schema, first, rest), content_type=f"{MEDIA_TYPE}; charset=utf-8; header=present", headers=headers
    )


def _lines(schema: Schema, first: list[Document], rest: Iterator[list[Document]]) -> Iterator[str]:
    yield _written([list(schema.fields)])
    yield _written(_cells(schema, first))
    try:
        for page in rest:
            yield _written(_cells(schema, page))
    except HTTPException as error:
        # The status is long sent, and a server ends an answer that fails here as if it were whole.
        log.warning("api.sheet_broken_off", error=type(error).__name__)
        yield _written([[BROKEN_OFF, str(error.description), *[""] * (len(schema.fields) - 1)]])


def _cells(schema: Schema, rows: Sequence[Document]) -> Iterator[list[str]]:
    for row in rows:
        shown = schema.dump(row)
        yield [_cell(field, shown[name]) for name, field in schema.fields.items()]


def _cell(field: fields.Field[Any], value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    written = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    is_text = not isinstance(field, DecimalField | TimestampField | fields.Number)
    return f"'{written}" if is_text and written.startswith(_BEGINS_A_FORMULA) else written


def _written(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
