"""Strict input schemas and parser for query parameters and JSON bodies; errors are named by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import wraps
from json import loads
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from flask import Request, request
from marshmallow import Schema, ValidationError, fields, post_load, validate
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.api.fields import StrictSchema
from app.api.problems import InvalidInput
from app.web import request_body

MAX_BODY = 64 * 1024
UNKNOWN = "is not known here"
_LONGEST_TEXT = 200
_LONGEST_REASON = 500
_MOST_IDS = 100

View = TypeVar("View", bound=Callable[..., Any])


def check_reason(value: str) -> None:
    """Require a reason to be one line of text.

    Raises:
        ValidationError: when it is not.
    """
    if not value.strip() or not value.isprintable() or len(value) > _LONGEST_REASON:
        raise ValidationError(f"must be a line of 1 to {_LONGEST_REASON} printable characters")


def check_optional_reason(value: str) -> None:
    """Require a reason that is not empty to be one line; raises as `check_reason` does."""
    if value:
        check_reason(value)


class InputSchema(StrictSchema):
    """Base of the input schemas; unknown fields are refused."""

    error_messages = {"unknown": UNKNOWN}  # noqa: RUF012 - marshmallow reads this class attribute


class ReasonInputSchema(InputSchema):
    """A required reason for an operation."""

    reason = fields.String(
        required=True,
        validate=check_reason,
        metadata={"description": "Reason; it is kept in the audit log.", "examples": ["the cause is mended"]},
    )


class OptionalReasonInputSchema(InputSchema):
    """An optional reason for an operation."""

    reason = fields.String(
        load_default="",
        validate=check_optional_reason,
        metadata={"description": "Reason; it is kept in the audit log."},
    )


class ActInputSchema(Schema):
    """The signals or messages that an operation is for, at most 100, and the reason."""

    ids = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(min=1, max=_MOST_IDS),
        metadata={"description": "Ids of the signals or messages."},
    )
    reason = fields.String(
        required=True,
        validate=check_reason,
        metadata={"description": "Reason; it is kept in the audit log.", "examples": ["the cause is mended"]},
    )

    @post_load
    def drop_repeated_ids(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Keep each id once."""
        return data | {"ids": list(dict.fromkeys(data["ids"]))}


class StrictParser(FlaskParser):
    """webargs parser that raises `InvalidInput` for whatever a schema does not allow."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": None}  # noqa: RUF012 - webargs reads this class attribute

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - the signature of webargs
        """Read a JSON object of at most 64 KB; a missing body is an empty object."""
        body = request_body.read(req.stream, max_bytes=MAX_BODY)
        if len(body) > MAX_BODY:
            raise RequestEntityTooLarge(f"a body may have at most {MAX_BODY} bytes")
        if not body and not req.content_type:
            return {}
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("the body must be JSON: Content-Type: application/json")
        return _parse_object(body)

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Read the query parameters; a repeated one is refused."""
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
        """Raise the errors by field, without the location that webargs adds."""
        (errors,) = error.messages_dict.values()
        raise InvalidInput(errors)


def refuse_query_parameters(view: View) -> View:
    """Decorate a view so that query parameters are refused."""

    @wraps(view)
    def check_and_run(*args: Any, **kwargs: Any) -> Any:
        if request.args:
            raise InvalidInput({name: [UNKNOWN] for name in request.args})
        return view(*args, **kwargs)

    return cast("View", check_and_run)


def line_parameter(description: str, *, longest: int = _LONGEST_TEXT, **more: Any) -> fields.String:
    """Return a field for one line of text."""

    def check_line(value: str) -> None:
        if not value or not value.isprintable() or len(value) > longest:
            raise ValidationError(f"must be a line of 1 to {longest} printable characters")

    return fields.String(
        validate=check_line, metadata={"description": description, "minLength": 1, "maxLength": longest}, **more
    )


def time_parameter(description: str) -> fields.AwareDateTime:
    """Return a field for a time; UTC when it has no offset."""
    metadata = {
        "description": f"{description} ISO 8601; without an offset it is UTC.",
        "examples": ["2026-01-05T14:30:00Z"],
    }
    return fields.AwareDateTime(format="iso", default_timezone=UTC, metadata=metadata)


def integer_parameter(description: str, *, least: int, most: int, default: int, **more: Any) -> fields.Integer:
    """Return a field for an optional integer."""
    return fields.Integer(
        load_default=default,
        validate=validate.Range(min=least, max=most),
        metadata={"description": description},
        **more,
    )


def _parse_object(body: bytes) -> Any:
    """Parse a JSON object strictly; raise ValidationError for anything else."""
    try:
        document = msgspec.json.decode(body)
        loads(body, object_pairs_hook=_refuse_repeated_names)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise ValidationError({"body": ["must be a JSON document"]}) from None
    if not isinstance(document, dict):
        raise ValidationError({"body": ["must be a JSON object"]})
    return document


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a name that stands there twice: parsers differ in the value they take."""
    document = dict(pairs)
    if len(document) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValidationError({name: ["is given more than once"] for name in document if times[name] > 1})
    return document
