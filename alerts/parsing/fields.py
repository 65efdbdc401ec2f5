"""Leaf values of a payload, indexed by normalised field names, so that one alias finds every spelling of a field."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from alerts.parsing.values import Leaf, is_blank, is_no_value_word

_SEPARATORS = re.compile(r"[\s._\-]+")
_LONGEST_NAME, _LONGEST_PATH = 64, 300
# Groups that only wrap the message: what stands in them counts as if it stood at the top too.
_ENVELOPES = frozenset({"data", "payload", "alert", "body"})
_WORD, _CAMEL = re.compile(r"[a-z]+"), re.compile(r"(?<=[a-z])(?=[A-Z])")
# A path with one of these words is about another time, another order, or an order that is closed or taken back.
_OTHER_ORDER_WORDS = frozenset(
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
    """One leaf of a payload: its dotted path as the sender wrote it, and its value."""

    path: str
    value: Leaf


class Fields:
    """Leaves of a payload, by the squeezed form of their whole path.

    Case, dots, dashes, blanks and underscores do not count: `strategy.order.action`, `strategy-order-action` and an
    `order_action` in the group `strategy` all have the name `strategyorderaction`. Fields in an envelope such as
    `data` are found with and without the envelope's name. Where two leaves have the same name, the first one counts.
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._leaves: dict[str, Field] = {}
        self._no_values: dict[str, Field] = {}
        self._empty: set[str] = set()
        self._by_key: dict[str, list[Field]] = {}
        self._list_items: list[Field] = []
        self._collect(payload, path="", name_prefix="")
        for field in {field.path: field for field in self._leaves.values()}.values():
            self._by_key.setdefault(_squeezed_key(field.path), []).append(field)
        self._names = {*self._leaves, *self._no_values, *self._empty}
        # Most messages are searched by several rules, so the list is built once.
        self._all = [(key, field) for key, fields in self._by_key.items() for field in fields]
        self._all += [("", item) for item in self._list_items]

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def has_all(self, names: Collection[str]) -> bool:
        """Return whether the payload has every one of these fields, with a value or without."""
        return self._names.issuperset(names)

    def has_any(self, names: Collection[str]) -> bool:
        """Return whether the payload has one of these fields, with a value or without."""
        return not self._names.isdisjoint(names)

    def find_first(self, names: Sequence[str]) -> Field | None:
        """Return the first of the named fields that has a value."""
        leaves = self._leaves
        for name in names:
            if name in leaves:
                return leaves[name]
        return None

    def find_first_nonblank(self, names: Sequence[str]) -> Field | None:
        """Return the first of the named fields that is not blank; words such as NA count as a value here."""
        for name in names:
            if name in self._leaves or name in self._no_values:
                return self._leaves.get(name) or self._no_values[name]
        return None

    def find_all(self, names: Sequence[str]) -> list[Field]:
        """Return all of the named fields that have a value."""
        if self._leaves.keys().isdisjoint(names):
            return []
        return [self._leaves[name] for name in names if name in self._leaves]

    def find_by_key(self, keys: Collection[str]) -> list[Field]:
        """Return the fields whose last key is one of `keys`, in whatever group.

        Groups about another time or another order are left out.
        """
        if self._by_key.keys().isdisjoint(keys):
            # The usual case: an alert has few of the many keys that are looked for.
            return []
        fields = (field for key in keys if key in self._by_key for field in self._by_key[key])
        return [field for field in fields if "." not in field.path or not names_other_order(_group_path(field))]

    def find_only_by_key(self, keys: Sequence[str]) -> Field | None:
        """Return the one field whose last key is among `keys`, in whatever group; None when there are several.

        Paths about another time or another order are left out.
        """
        matches = {field.path: field for field in self._leaves.values() if _squeezed_key(field.path) in keys}
        candidates = [field for field in matches.values() if not names_other_order(field.path)]
        return candidates[0] if len(candidates) == 1 else None

    @property
    def list_items(self) -> Sequence[Field]:
        """The texts in lists, each with the path of its list."""
        return self._list_items

    def iterate(self) -> Iterator[tuple[str, Field]]:
        """Yield every field that has a value with its last key, then the texts in lists with an empty key."""
        return iter(self._all)

    def _collect(self, group: Mapping[str, Any], *, path: str, name_prefix: str) -> None:
        """Store the leaves of a group and of the groups inside it."""
        for key, value in group.items():
            name = name_prefix + squeeze(key[:_LONGEST_NAME])
            key_path = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                self._empty.add(name)
                self._collect(value, path=key_path, name_prefix=name)
                if name in _ENVELOPES:
                    self._collect(value, path=key_path, name_prefix="")
            elif isinstance(value, list):
                self._list_items += [Field(path=key_path, value=item) for item in value if isinstance(item, str)]
            else:
                self._store_leaf(name, Field(path=key_path, value=value))

    def _store_leaf(self, name: str, field: Field) -> None:
        """Store a leaf among those with a value, those that say NA or null, or those that are blank."""
        if is_blank(field.value):
            self._empty.add(name)
        elif is_no_value_word(field.value):
            self._no_values.setdefault(name, field)
        else:
            self._leaves.setdefault(name, field)


def names_other_order(path: str) -> bool:
    """Return whether a path is about another time or another order, or about one that is closed or taken back.

    A path of more than 300 characters is not analysed and counts as such.
    """
    return len(path) > _LONGEST_PATH or _has_other_order_word(path)


@lru_cache(maxsize=4096)
def _has_other_order_word(path: str) -> bool:
    text = _CAMEL.sub(" ", path).lower()
    return "cancel" in text or not _OTHER_ORDER_WORDS.isdisjoint(_WORD.findall(text))


def _group_path(field: Field) -> str:
    return field.path.rpartition(".")[0]


def _squeezed_key(path: str) -> str:
    """Return the last key of a dotted path in its squeezed form."""
    return squeeze(path.rpartition(".")[2][:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def squeeze(key: str) -> str:
    """Return a key in lower case without dots, dashes, blanks and underscores, the form in which names are compared."""
    return _SEPARATORS.sub("", key).lower()
