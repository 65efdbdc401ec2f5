"""Try mutants and compare how many the tests notice with the floors: `python -m tests.mutation --help`."""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation import children, scope
from tests.mutation.children import NOT_PUT_IN, SURVIVED
from tests.mutation.mutants import Mutant
from tests.mutation.scope import AREAS, Area
from tests.mutation.session import CPU_S, OPTIONS, Findings, MutantSession, choose_tests, run_fresh

# Libraries that are imported once, before children are forked; nothing of ours may be among what they import.
_LIBRARIES = ("numpy", "talib", "sqlalchemy.orm", "psycopg", "hypothesis", "exchange_calendars", "msgspec", "structlog")


def main() -> int:
    """Try the mutants that the command line asks for; return 1 when a floor does not hold."""
    options = _read_options()
    for library in _LIBRARIES:
        importlib.import_module(library)
    answers: dict[Mutant, int] = {}
    for area in AREAS:
        if options.area in (None, area.folder):
            began = time.monotonic()
            mutants = [each for each in scope.list_all(area) if _is_chosen(each, options)]
            answers |= try_area(area, mutants, jobs=options.jobs)
            print(f"{area.folder}: {len(mutants)} mutants in {time.monotonic() - began:.0f} s", flush=True)
    return _report(answers)


def try_area(area: Area, mutants: list[Mutant], *, jobs: int) -> dict[Mutant, int]:
    """Try the mutants of an area: first those of functions, then those that need a fresh import."""
    findings = _run_session(area, mutants, jobs=jobs)
    fresh = [each for each in mutants if each not in findings.answers or findings.answers[each] == NOT_PUT_IN]

    def attempt(mutant: Mutant) -> int:
        return run_fresh(mutant, choose_tests(mutant, findings.functions), with_sql=area.with_sql)

    for mutant, answer in children.try_all(fresh, attempt, jobs=jobs, cpu_s=2 * CPU_S):
        findings.answers[mutant] = answer
        _print_survivor(mutant, answer)
    return findings.answers


def _run_session(area: Area, mutants: list[Mutant], *, jobs: int) -> Findings:
    """Run the session in a child, so that this process stays one that imported nothing of ours."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "findings"

        def run() -> None:
            plugin = MutantSession(area, mutants, jobs=jobs, report=_print_survivor)
            pytest.main([*OPTIONS, *area.tests], plugins=[plugin])
            file.write_bytes(pickle.dumps(plugin.findings))

        children.run_apart(run)
        findings: Findings = pickle.loads(file.read_bytes())
    return findings


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--area", choices=[area.folder for area in AREAS], help="one folder instead of all")
    parser.add_argument("--module", default="", help="only modules whose name begins so, as in domain.money")
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="a fixed sample: every N-th by content")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="children side by side")
    return parser.parse_args()


def _is_chosen(mutant: Mutant, options: argparse.Namespace) -> bool:
    return mutant.module.startswith(options.module) and mutant.digest % options.one_in == 0


def _print_survivor(mutant: Mutant, answer: int) -> None:
    if answer == SURVIVED:
        place = f"{mutant.path.relative_to(scope.ROOT)}:{mutant.line}"
        print(f"survived: {place} {mutant.function} | {mutant.statement} | {mutant.change}", flush=True)


def _report(answers: dict[Mutant, int]) -> int:
    tried = Counter(scope.name_group(mutant) for mutant in answers)
    survived = Counter(scope.name_group(mutant) for mutant, answer in answers.items() if answer == SURVIVED)
    failed = False
    for group, count in sorted(tried.items()):
        share, floor = 1 - survived[group] / count, scope.FLOORS.get(group, scope.OTHER_FLOOR)
        failed = failed or share < floor
        print(f"{group:20} {count - survived[group]:5} of {count:5} noticed, {share:6.1%}; floor {floor:.0%}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
