"""What comes in: query parameters and JSON bodies, read strictly; what is wrong is named by its field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import wraps
from json import loads
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from flask import Request, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.api.problems import Invalid
from app.api.source_schemas import is_reason, is_reason_if_any
from app.web import request_body

MAX_BODY = 64 * 1024
UNKNOWN = "is not known here"
_LONGEST_TEXT = 200

View = TypeVar("View", bound=Callable[..., Any])


class InputSchema(Schema):
    """The base of what comes in: what is not known is refused."""

    class Meta:
        """What is not known is refused."""

        unknown = RAISE

    error_messages = {"unknown": UNKNOWN}  # noqa: RUF012 - marshmallow reads this class attribute


class ReasonInputSchema(InputSchema):
    """Why something is done."""

    reason = fields.String(
        required=True,
        validate=is_reason,
        metadata={"description": "Why; it is kept in the audit log.", "examples": ["the cause is mended"]},
    )


class OptionalReasonInputSchema(InputSchema):
    """Why something is done, where that may be left out."""

    reason = fields.String(
        load_default="",
        validate=is_reason_if_any,
        metadata={"description": "Why; it is kept in the audit log."},
    )


class Parser(FlaskParser):
    """Reads what comes in, and raises `Invalid` where it is not as it must be."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": None}  # noqa: RUF012 - webargs reads this class attribute

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - the signature of webargs
        """Read a JSON object of at most 64 KB; no body at all is an empty one."""
        body = request_body.read(req.stream, max_bytes=MAX_BODY)
        if len(body) > MAX_BODY:
            raise RequestEntityTooLarge(f"a body may have at most {MAX_BODY} bytes")
        if not body and not req.content_type:
            return {}
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("the body must be JSON: Content-Type: application/json")
        return _object(body)

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Read the query parameters, each of which is given once."""
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise ValidationError({name: ["is given more than once"] for name in repeated})
        return super().load_querystring(req, schema)

    def handle_error(
        self,
        error: ValidationError,
        req: Request,  # noqa: ARG002 - the signature of webargs
        schema: Schema,  # noqa: ARG002
        *,
        error_status_code: int | None,  # noqa: ARG002
        error_headers: Mapping[str, str] | None,  # noqa: ARG002
    ) -> NoReturn:
        """Name what is wrong by field, wherever it came from."""
        (errors,) = error.messages_dict.values()
        raise Invalid(errors)


def no_query(view: View) -> View:
    """Let a view run only without query parameters."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if request.args:
            raise Invalid({name: [UNKNOWN] for name in request.args})
        return view(*args, **kwargs)

    return cast("View", checked)


def line(told: str, *, longest: int = _LONGEST_TEXT, **more: Any) -> fields.String:
    """Return a field for one line of text."""

    def is_line(written: str) -> None:
        if not written or not written.isprintable() or len(written) > longest:
            raise ValidationError(f"must be a line of 1 to {longest} printable characters")

    return fields.String(validate=is_line, metadata={"description": told, "minLength": 1, "maxLength": longest}, **more)


def a_time(told: str) -> fields.AwareDateTime:
    """Return a field for a time; without an offset it is taken as UTC."""
    described = {"description": f"{told} ISO 8601; without an offset it is UTC.", "examples": ["2026-01-05T14:30:00Z"]}
    return fields.AwareDateTime(format="iso", default_timezone=UTC, metadata=described)


def whole(told: str, *, least: int, most: int, default: int, **more: Any) -> fields.Integer:
    """Return a field for a whole number that may be left out."""
    return fields.Integer(
        load_default=default, validate=validate.Range(min=least, max=most), metadata={"description": told}, **more
    )


def _object(body: bytes) -> Any:
    try:
        document = msgspec.json.decode(body)
        loads(body, object_pairs_hook=_once)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise ValidationError({"body": ["must be a JSON document"]}) from None
    if not isinstance(document, dict):
        raise ValidationError({"body": ["must be a JSON object"]})
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: of two readers each may take another value."""
    made = dict(pairs)
    if len(made) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValidationError({name: ["is given more than once"] for name in made if times[name] > 1})
    return made
