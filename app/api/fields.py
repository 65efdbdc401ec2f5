"""The kinds of values the API shows, each of them with what it means."""

from __future__ import annotations

from enum import Enum
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, fields, validate


class Output(Schema):
    """The base of what is shown: these fields, all of them and no others."""

    class Meta:
        """Nothing else is shown."""

        unknown = RAISE


class OpenOutput(Schema):
    """The base of documents that may gain fields: these, and maybe more."""

    class Meta:
        """There may be more."""

        unknown = INCLUDE


class Money(fields.String):
    """A decimal number as text, such as `-12.5`."""


class Moment(fields.String):
    """A time in UTC as text."""


def text(told: str, *, null: bool = False, **more: Any) -> fields.String:
    """Return a field of text."""
    return fields.String(required=True, allow_none=null, metadata={"description": told, **more})


def ident(told: str, *, null: bool = False) -> fields.UUID:
    """Return a field of an id."""
    return fields.UUID(required=True, allow_none=null, metadata={"description": told})


def money(told: str, *, null: bool = False) -> Money:
    """Return a field of money, a price or a quantity: a decimal string, exact."""
    more = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1.0875"]}
    return Money(required=True, allow_none=null, metadata={"description": told, **more})


def moment(told: str, *, null: bool = False) -> Moment:
    """Return a field of a time."""
    more = {"format": "date-time", "examples": ["2026-01-05T14:30:00.000000Z"]}
    return Moment(required=True, allow_none=null, metadata={"description": told, **more})


def ratio(told: str, *, null: bool = False) -> fields.Float:
    """Return a field of a ratio or a statistic."""
    return fields.Float(required=True, allow_none=null, metadata={"description": told})


def count(told: str, *, null: bool = False) -> fields.Integer:
    """Return a field of a whole number."""
    return fields.Integer(required=True, allow_none=null, metadata={"description": told})


def yes_no(told: str, *, null: bool = False) -> fields.Boolean:
    """Return a field of yes or no."""
    return fields.Boolean(required=True, allow_none=null, metadata={"description": told})


def one_of(allowed: type[Enum], told: str, *, null: bool = False) -> fields.String:
    """Return a field of one of an enum's values."""
    return choice(*(one.value for one in allowed), told=told, null=null)


def choice(*allowed: str, told: str, null: bool = False) -> fields.String:
    """Return a field of one of some words."""
    return fields.String(
        required=True, allow_none=null, validate=validate.OneOf(allowed), metadata={"description": told}
    )


def words(told: str) -> fields.List[str]:
    """Return a field of a list of texts."""
    return fields.List(fields.String(), required=True, metadata={"description": told})


def mapping(told: str, *, null: bool = False) -> fields.Dict:
    """Return a field of an object whose keys are data."""
    return fields.Dict(keys=fields.String(), required=True, allow_none=null, metadata={"description": told})


def part(schema: type[Schema], told: str, *, null: bool = False) -> fields.Nested:
    """Return a field of an object."""
    return fields.Nested(schema, required=True, allow_none=null, metadata={"description": told})


def parts(schema: type[Schema], told: str) -> fields.List[Any]:
    """Return a field of a list of objects."""
    return fields.List(fields.Nested(schema), required=True, metadata={"description": told})
