"""What is mutated, which tests are run for it, and how many of the mutants must be noticed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, list_mutants

ROOT = Path(__file__).parents[2]
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")
MONEY_AND_FAIRNESS = "money and fairness"
FLOORS = {MONEY_AND_FAIRNESS: 0.95}
OTHER_FLOOR = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A folder of the source, with the tests of which those that run a mutated function are run for it."""

    folder: str
    tests: tuple[str, ...]
    with_sql: bool = False
    needs_servers: bool = False


AREAS = (
    Area(
        folder="domain",
        tests=(
            "tests/unit/domain",
            "tests/property/test_exits.py",
            "tests/property/test_fills.py",
            "tests/property/test_money.py",
            "tests/property/test_outcomes.py",
        ),
    ),
    Area(folder="engines", tests=("tests/unit/engines", "tests/property/test_engines.py")),
    Area(
        folder="alerts",
        tests=(
            "tests/unit/alerts",
            "tests/property/test_alert_meanings.py",
            "tests/property/test_dialects.py",
            "tests/property/test_positions_and_labels.py",
            "tests/property/test_signal_hash.py",
        ),
    ),
    Area(
        folder="db/verification",
        tests=("tests/integration/test_verify_rules.py", "tests/unit/db"),
        with_sql=True,
        needs_servers=True,
    ),
)
# Modules that decide what a trade earns or costs, how large it is, who gets a signal, and how the two are compared.
_STRICT = (
    "domain.comparison",
    "domain.costs",
    "domain.exits",
    "domain.experiment",
    "domain.fills",
    "domain.instrument_rules",
    "domain.money",
    "domain.outcomes",
    "domain.policy",
    "domain.rates",
    "domain.risk",
    "domain.trade_opening",
    "engines.sizing",
)
# Why a module is left out.
_LEFT_OUT = {
    "domain.ports": "protocols without code",
    "engines.process": "runs in the process of a hosted engine, where no mutant is",
}


def list_all(area: Area) -> list[Mutant]:
    """Return the mutants of an area, without those that are listed as equivalent to the source."""
    equivalents = read_equivalents()
    return [
        mutant
        for path in sorted((ROOT / area.folder).rglob("*.py"))
        if (module := ".".join(path.relative_to(ROOT).with_suffix("").parts)) not in _LEFT_OUT
        for mutant in list_mutants(module, path, with_sql=area.with_sql)
        if (mutant.module, mutant.function, mutant.statement, mutant.change) not in equivalents
    ]


def read_equivalents() -> frozenset[tuple[str, str, str, str]]:
    """Return the mutants that behave as the source does, by module, function, statement and change."""
    rows = tomllib.loads(EQUIVALENTS.read_text()).get("equivalent", [])
    return frozenset((row["module"], row["function"], row["statement"], row["change"]) for row in rows)


def name_group(mutant: Mutant) -> str:
    """Return the group whose floor a mutant counts for: money and fairness, or the rest of its package."""
    if any(f"{mutant.module}.".startswith(f"{strict}.") for strict in _STRICT):
        return MONEY_AND_FAIRNESS
    return next(area.folder for area in AREAS if mutant.module.startswith(area.folder.replace("/", ".")))
