"""Declarations of settings: variable, parser, default and meaning stand in one place, beside the attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, overload

from config.parsers import SettingParser

T = TypeVar("T")
_KEY = "declaration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One setting.

    `default` is the text that is parsed where the variable is unset or blank; without it the value is `when_unset`.
    `default_shown` and `meaning` are its cells in the reference, as Markdown.
    """

    variable: str
    parse: SettingParser[Any]
    meaning: str
    default: str | None
    default_shown: str
    when_unset: Any

    def read(self, environ: Mapping[str, str]) -> Any:
        """Return the value in force.

        Raises:
            SettingInvalid: when the variable's value is not allowed.
        """
        text = self._text(environ) or self.default
        return self.when_unset if text is None else self.parse(self.variable, text)

    def source(self, environ: Mapping[str, str]) -> str:
        """Return where the value comes from: `environment` or `default`."""
        return "environment" if self._text(environ) else "default"

    def _text(self, environ: Mapping[str, str]) -> str:
        return environ.get(self.variable, "").strip()


@overload
def setting(variable: str, parse: SettingParser[T], meaning: str, *, default: str, default_shown: str = "") -> T: ...
@overload
def setting(
    variable: str,
    parse: SettingParser[T],
    meaning: str,
    *,
    when_unset: T,
    default_shown: str = "",
    is_printed: bool = True,
) -> T: ...
@overload
def setting(
    variable: str, parse: SettingParser[T], meaning: str, *, default_shown: str = "", is_printed: bool = True
) -> T | None: ...
def setting(
    variable: str,
    parse: SettingParser[Any],
    meaning: str,
    *,
    default: str | None = None,
    when_unset: Any = None,
    default_shown: str = "",
    is_printed: bool = True,
) -> Any:
    """Return a dataclass field that carries its declaration; `is_printed` False leaves it out of the repr."""
    declaration = Declaration(
        variable=variable,
        parse=parse,
        meaning=meaning,
        default=default,
        default_shown=default_shown or default or "",
        when_unset=when_unset,
    )
    return field(repr=is_printed, metadata={_KEY: declaration})


def find_declarations(settings: type[Any]) -> dict[str, Declaration]:
    """Return the declarations that the fields of a dataclass carry, by attribute, in order."""
    return {attribute.name: attribute.metadata[_KEY] for attribute in fields(settings) if _KEY in attribute.metadata}
