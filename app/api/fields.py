"""Constructors of output fields, each with its OpenAPI description, and the base classes of output schemas."""

from __future__ import annotations

from enum import Enum
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, fields, validate


class StrictSchema(Schema):
    """Base of schemas that refuse unknown fields."""

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


class OutputSchema(StrictSchema):
    """Base of output schemas with exactly these fields."""


class OpenOutputSchema(Schema):
    """Base of output schemas that may have more fields in later versions."""

    class Meta:
        """Unknown fields are passed on."""

        unknown = INCLUDE


class DecimalField(fields.String):
    """A decimal number as text, such as `-12.5`."""


class TimestampField(fields.String):
    """A time in UTC as text."""


def text(description: str, *, null: bool = False, **more: Any) -> fields.String:
    """Return a text field."""
    return fields.String(required=True, allow_none=null, metadata={"description": description, **more})


def uuid(description: str, *, null: bool = False) -> fields.UUID:
    """Return a UUID field."""
    return fields.UUID(required=True, allow_none=null, metadata={"description": description})


def decimal(description: str, *, null: bool = False) -> DecimalField:
    """Return a field for money, a price or a quantity, as an exact decimal string."""
    more = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1.0875"]}
    return DecimalField(required=True, allow_none=null, metadata={"description": description, **more})


def utc_time(description: str, *, null: bool = False) -> TimestampField:
    """Return a field for a time in UTC."""
    more = {"format": "date-time", "examples": ["2026-01-05T14:30:00.000000Z"]}
    return TimestampField(required=True, allow_none=null, metadata={"description": description, **more})


def number(description: str, *, null: bool = False) -> fields.Float:
    """Return a number field, for ratios and statistics."""
    return fields.Float(required=True, allow_none=null, metadata={"description": description})


def integer(description: str, *, null: bool = False) -> fields.Integer:
    """Return an integer field."""
    return fields.Integer(required=True, allow_none=null, metadata={"description": description})


def boolean(description: str, *, null: bool = False) -> fields.Boolean:
    """Return a boolean field."""
    return fields.Boolean(required=True, allow_none=null, metadata={"description": description})


def enum_value(allowed: type[Enum], description: str, *, null: bool = False) -> fields.String:
    """Return a text field with one of an enum's values."""
    return choice(*(member.value for member in allowed), description=description, null=null)


def choice(*allowed: str, description: str, null: bool = False) -> fields.String:
    """Return a text field with one of the allowed words."""
    return fields.String(
        required=True, allow_none=null, validate=validate.OneOf(allowed), metadata={"description": description}
    )


def text_list(description: str) -> fields.List[str]:
    """Return a field for a list of texts."""
    return fields.List(fields.String(), required=True, metadata={"description": description})


def json_object(description: str, *, null: bool = False) -> fields.Dict:
    """Return a field for an object whose keys are data."""
    return fields.Dict(keys=fields.String(), required=True, allow_none=null, metadata={"description": description})


def nested_object(schema: type[Schema], description: str, *, null: bool = False) -> fields.Nested:
    """Return a field for an object with its own schema."""
    return fields.Nested(schema, required=True, allow_none=null, metadata={"description": description})


def nested_list(schema: type[Schema], description: str) -> fields.List[Any]:
    """Return a field for a list of such objects."""
    return fields.List(fields.Nested(schema), required=True, metadata={"description": description})
