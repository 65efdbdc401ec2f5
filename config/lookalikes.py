"""Variables of the environment that look like a setting of ours and are none, such as MARKETDATA for MARKET_DATA."""

from __future__ import annotations

from collections.abc import Collection, Mapping

_PREFIXES = ("TRADING_ORCHESTRATOR_", "ORCHESTRATOR_")
# Shorter names are near to too many others.
_SHORTEST_WITH_A_TYPO = 5
_SHORTEST_WITH_TWO_TYPOS = 12


def find_lookalikes(environ: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return the setting that each unknown variable looks like: without underscores, with a prefix, or misspelt."""
    found = {name: _find_similar(name, known) for name, value in environ.items() if value.strip() and name not in known}
    return {name: setting for name, setting in sorted(found.items()) if setting is not None}


def _find_similar(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is nearest to a name, None when none is near."""
    for prefix in _PREFIXES:
        if name.upper().removeprefix(prefix) in known:
            return name.upper().removeprefix(prefix)
    distances = {setting: _count_edits(_squeeze(name), _squeeze(setting)) for setting in known}
    nearest = min(distances, key=distances.__getitem__, default=None)
    return nearest if nearest is not None and distances[nearest] <= _allow_edits(_squeeze(nearest)) else None


def _squeeze(name: str) -> str:
    return name.upper().replace("_", "").replace("-", "")


def _allow_edits(squeezed: str) -> int:
    """Return how many edits away a name of this length still counts as a misspelling."""
    if len(squeezed) < _SHORTEST_WITH_A_TYPO:
        return 0
    return 1 if len(squeezed) < _SHORTEST_WITH_TWO_TYPOS else 2


def _count_edits(first: str, second: str) -> int:
    """Return the Levenshtein distance: insertions, deletions and replacements of single characters."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, start=1):
        previous, row[0] = row[0], number
        for column, other in enumerate(second, start=1):
            previous, row[column] = row[column], min(previous + (letter != other), row[column] + 1, row[column - 1] + 1)
    return row[-1]
