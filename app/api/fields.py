"""The kinds of values the API shows, each of them with what it means."""

from __future__ import annotations

from enum import Enum
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, fields, validate


class OutputSchema(Schema):
    """The base of what is shown: these fields, all of them and no others."""

    class Meta:
        """Nothing else is shown."""

        unknown = RAISE


class OpenOutputSchema(Schema):
    """The base of documents that may gain fields: these, and maybe more."""

    class Meta:
        """There may be more."""

        unknown = INCLUDE


class DecimalField(fields.String):
    """A decimal number as text, such as `-12.5`."""


class TimestampField(fields.String):
    """A time in UTC as text."""


def text(description: str, *, null: bool = False, **more: Any) -> fields.String:
    """Return a field of text."""
    return fields.String(required=True, allow_none=null, metadata={"description": description, **more})


def uuid(description: str, *, null: bool = False) -> fields.UUID:
    """Return a field of an id."""
    return fields.UUID(required=True, allow_none=null, metadata={"description": description})


def decimal(description: str, *, null: bool = False) -> DecimalField:
    """Return a field of money, a price or a quantity: a decimal string, exact."""
    more = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1.0875"]}
    return DecimalField(required=True, allow_none=null, metadata={"description": description, **more})


def utc_time(description: str, *, null: bool = False) -> TimestampField:
    """Return a field of a time."""
    more = {"format": "date-time", "examples": ["2026-01-05T14:30:00.000000Z"]}
    return TimestampField(required=True, allow_none=null, metadata={"description": description, **more})


def number(description: str, *, null: bool = False) -> fields.Float:
    """Return a field of a ratio or a statistic."""
    return fields.Float(required=True, allow_none=null, metadata={"description": description})


def integer(description: str, *, null: bool = False) -> fields.Integer:
    """Return a field of a whole number."""
    return fields.Integer(required=True, allow_none=null, metadata={"description": description})


def boolean(description: str, *, null: bool = False) -> fields.Boolean:
    """Return a field of yes or no."""
    return fields.Boolean(required=True, allow_none=null, metadata={"description": description})


def enum_value(allowed: type[Enum], description: str, *, null: bool = False) -> fields.String:
    """Return a field of one of an enum's values."""
    return choice(*(one.value for one in allowed), description=description, null=null)


def choice(*allowed: str, description: str, null: bool = False) -> fields.String:
    """Return a field of one of some words."""
    return fields.String(
        required=True, allow_none=null, validate=validate.OneOf(allowed), metadata={"description": description}
    )


def text_list(description: str) -> fields.List[str]:
    """Return a field of a list of texts."""
    return fields.List(fields.String(), required=True, metadata={"description": description})


def json_object(description: str, *, null: bool = False) -> fields.Dict:
    """Return a field of an object whose keys are data."""
    return fields.Dict(keys=fields.String(), required=True, allow_none=null, metadata={"description": description})


def nested(schema: type[Schema], description: str, *, null: bool = False) -> fields.Nested:
    """Return a field of an object."""
    return fields.Nested(schema, required=True, allow_none=null, metadata={"description": description})


def nested_list(schema: type[Schema], description: str) -> fields.List[Any]:
    """Return a field of a list of objects."""
    return fields.List(fields.Nested(schema), required=True, metadata={"description": description})
