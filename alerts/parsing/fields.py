"""The leaves of a payload under comparable names, so that one alias finds every spelling of a field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from alerts.parsing.values import Leaf, is_blank, is_missing

_NOT_COMPARED = re.compile(r"[\s._\-]+")
_LONGEST_NAME, _LONGEST_PATH = 64, 300
_ENVELOPES = frozenset({"data", "payload", "alert", "body"})
_WORD, _CAMEL = re.compile(r"[a-z]+"), re.compile(r"(?<=[a-z])(?=[A-Z])")
_ELSEWHERE = frozenset(
    {
        "prev",
        "previous",
        "last",
        "old",
        "before",
        "former",
        "history",
        "exit",
        "close",
        "closed",
        "stop",
        "sl",
        "tp",
        "target",
        "take",
        "opposite",
        "hedge",
        "modify",
        "update",
        "rejected",
        "partial",
        "exits",
        "stops",
        "targets",
        "stoploss",
        "takeprofit",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One leaf: the path as the sender wrote it, and its value."""

    path: str
    value: Leaf


class Fields:
    """A payload's leaves by squeezed path.

    Case, dots, dashes, blanks and underscores do not count: `strategy.order.action`, `strategy{order_action}` and
    `strategy-order-action` all answer to `strategyorderaction`. Envelopes such as `data` answer with and without
    their own name. Where two leaves share a name the first one stands.
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload
        self._leaves: dict[str, Field] = {}
        self._no_values: dict[str, Field] = {}
        self._empty: set[str] = set()
        self._own: dict[str, list[Field]] = {}
        self.listed: list[Field] = []
        self._gather(payload, path="", squeezed="")
        for one in {field.path: field for field in self._leaves.values()}.values():
            self._own.setdefault(_own_name(one.path), []).append(one)

    def __contains__(self, name: str) -> bool:
        return name in self._leaves or name in self._no_values or name in self._empty

    def first(self, names: Sequence[str]) -> Field | None:
        """Return the first of these fields that is not missing."""
        for name in names:
            if name in self._leaves:
                return self._leaves[name]
        return None

    def first_given(self, names: Sequence[str]) -> Field | None:
        """Return the first of these fields that is not blank; words such as NA count as given."""
        for name in names:
            if name in self._leaves or name in self._no_values:
                return self._leaves.get(name) or self._no_values[name]
        return None

    def only(self, names: Sequence[str]) -> Field | None:
        """Return the one field whose own name is among these, whatever it stands in; None when there are several.

        What stands in a group that tells of another time or another order is not looked at.
        """
        found = {one.path: one for one in self._leaves.values() if _own_name(one.path) in names}
        kept = [one for one in found.values() if not is_elsewhere(one.path)]
        return kept[0] if len(kept) == 1 else None

    def all(self, names: Sequence[str]) -> list[Field]:
        """Return those of these fields that are not missing."""
        return [self._leaves[name] for name in names if name in self._leaves]

    def named(self, names: Iterable[str]) -> list[Field]:
        """Return the fields whose own name is among these, whatever they stand in.

        What stands in a group that tells of another time or another order is not looked at.
        """
        found = (one for name in names if name in self._own for one in self._own[name])
        return [one for one in found if "." not in one.path or not is_elsewhere(one.path.rpartition(".")[0])]

    def every(self) -> Iterator[tuple[str, Field]]:
        """Yield every field that is not missing under its own name, then what stands in lists."""
        yield from ((name, one) for name, fields in self._own.items() for one in fields)
        yield from (("", one) for one in self.listed)

    def _keep(self, name: str, field: Field) -> None:
        if is_blank(field.value):
            self._empty.add(name)
        elif is_missing(field.value):
            self._no_values.setdefault(name, field)
        else:
            self._leaves.setdefault(name, field)

    def _gather(self, group: Mapping[str, Any], *, path: str, squeezed: str) -> None:
        for key, value in group.items():
            name = squeezed + squeeze(key[:_LONGEST_NAME])
            written = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                self._empty.add(name)
                self._gather(value, path=written, squeezed=name)
                if name in _ENVELOPES:
                    self._gather(value, path=written, squeezed="")
            elif isinstance(value, list):
                self.listed += [Field(path=written, value=one) for one in value if isinstance(one, str)]
            else:
                self._keep(name, Field(path=written, value=value))


def is_elsewhere(path: str) -> bool:
    """Say whether a path tells of another time, of another order, or of one that is closed or taken back.

    One of more than 300 characters is not looked into and counts as such.
    """
    return len(path) > _LONGEST_PATH or _names_another(path)


@lru_cache(maxsize=4096)
def _names_another(path: str) -> bool:
    written = _CAMEL.sub(" ", path).lower()
    return "cancel" in written or not _ELSEWHERE.isdisjoint(_WORD.findall(written))


def _own_name(path: str) -> str:
    return squeeze(path.rpartition(".")[2][:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def squeeze(key: str) -> str:
    """Return a key without case, dots, dashes, blanks and underscores."""
    return _NOT_COMPARED.sub("", key).lower()
