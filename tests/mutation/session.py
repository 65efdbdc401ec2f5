"""Plugins of pytest: one that tries mutants in forked children of a collected session, one for a fresh process."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

from tests.mutation import children, implanting
from tests.mutation.children import NOT_PUT_IN, NOTICED, SURVIVED
from tests.mutation.mutants import Mutant
from tests.mutation.scope import Area

# Tests of one mutant: those of the module's own file first, then those that run the least code; where many run its
# function the rest is thinned out evenly, since those with the least code may all be about what is refused.
MOST_TESTS = 100
MOST_TESTS_OF_A_RULE = 20
CPU_S = 60
# Hypothesis is imported before its plugin could be looked at, so that children need not do it.
OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "--no-summary", "-W", "ignore::pytest.PytestAssertRewriteWarning")
Function = tuple[str, str]
_SERVERS = "server_urls"


@dataclass(slots=True)
class Findings:
    """What a session found: the answer for each mutant, and the functions that each test runs."""

    answers: dict[Mutant, int] = field(default_factory=dict)
    functions: dict[str, frozenset[Function]] = field(default_factory=dict)


class _Repeatable:
    """Examples are the same in every run, and none is shrunk: that a test fails is enough."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            max_examples=25,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")


class MutantSession(_Repeatable):
    """Runs the tests of an area once, recording what each runs, then tries mutants in forked children."""

    def __init__(
        self, area: Area, mutants: Sequence[Mutant], *, jobs: int, report: Callable[[Mutant, int], None]
    ) -> None:
        self.findings = Findings()
        self._area = area
        self._mutants = mutants
        self._jobs = jobs
        self._report = report

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs servers where the area has none."""
        if not self._area.needs_servers:
            items[:] = [item for item in items if _SERVERS not in getattr(item, "fixturenames", ())]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop over the tests."""
        items, kept = session.items, session.items[-1]
        if self._area.needs_servers:  # what the whole session shares is made once, by the first test
            runtestprotocol(items[0], nextitem=kept, log=False)
            self.findings.functions = {item.nodeid: frozenset() for item in items}
        else:
            self.findings.functions = _measure(items)
        files = {str(mutant.path) for mutant in self._mutants}
        functions, caches = implanting.index_functions(files), implanting.list_caches()

        def attempt(mutant: Mutant) -> int:
            code = implanting.compile_mutant(mutant, with_sql=self._area.with_sql)
            try:
                if mutant.at_import:
                    implanting.rerun(mutant.module, code)
                else:
                    implanting.replace_functions(code, functions.get(str(mutant.path), ()))
            except implanting.NothingReplaced:
                return NOT_PUT_IN
            for cache in caches:
                cache.cache_clear()
            by_name = {item.nodeid: item for item in items}
            chosen = [by_name[name] for name in choose_tests(mutant, self.findings.functions)]
            return SURVIVED if all(_passes(item, after) for item, after in _with_next(chosen)) else NOTICED

        warm = [each for each in self._mutants if not each.at_import or implanting.can_rerun(each.module)]
        for mutant, answer in children.try_all(warm, attempt, jobs=self._jobs, cpu_s=CPU_S):
            self.findings.answers[mutant] = answer
            self._report(mutant, answer)
        return True


def choose_tests(mutant: Mutant, functions: dict[str, frozenset[Function]]) -> list[str]:
    """Return the tests that run a mutant's function, or any of its module where the module itself is mutated."""
    file, name = str(mutant.path), mutant.function
    if implanting.can_rerun(mutant.module):  # rules of `verify`: a test names the rule that it is for
        of_rule = [test for test in functions if f"[{mutant.statement}-" in test]
        return of_rule + _thin_out([test for test in functions if test not in of_rule])[:MOST_TESTS_OF_A_RULE]
    if not mutant.at_import:
        fitting = [test for test, run in functions.items() if (file, name) in run]
    else:
        fitting = [test for test, run in functions.items() if any(each == file for each, _ in run)]
    own = f"/test_{mutant.path.stem}.py"
    fitting.sort(key=lambda test: (own not in test, len(functions[test]), test))
    return _thin_out(fitting)


def _thin_out(tests: list[str]) -> list[str]:
    """Return the first tests and, of the others, as many as may be run, spread evenly."""
    first, others = tests[: MOST_TESTS // 2], tests[MOST_TESTS // 2 :]
    step = max(-(-len(others) // (MOST_TESTS // 2)), 1)
    return first + others[::step]


def _passes(item: pytest.Item, nextitem: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, nextitem=nextitem, log=False))


def _with_next(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item]]:
    """Yield each test with the one after it, for which pytest keeps what both share; the last one with itself."""
    return zip(items, [*items[1:], *items[-1:]], strict=True)


def _measure(items: Sequence[pytest.Item]) -> dict[str, frozenset[Function]]:
    """Run each test in a child of this process; return the functions that each runs, without those that fail."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "functions"

        def measure() -> None:
            children.silence_output(1)
            file.write_bytes(
                pickle.dumps({item.nodeid: run for item, after in _with_next(items) if (run := _record(item, after))})
            )

        children.run_apart(measure)
        measured: dict[str, frozenset[Function]] = pickle.loads(file.read_bytes())
    return measured


def _record(item: pytest.Item, after: pytest.Item) -> frozenset[Function]:
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    threading.settrace(note)
    sys.settrace(note)
    try:
        passes = _passes(item, after)
    finally:
        sys.settrace(None)
        threading.settrace(None)
    if not passes:
        print(f"left out, as it does not pass: {item.nodeid}", file=sys.stderr)
        return frozenset()
    root = f"{os.getcwd()}/"  # noqa: PTH109 - compared as text
    return frozenset(
        (code.co_filename, code.co_qualname.split(".<locals>")[0])
        for code in codes
        if code.co_filename.startswith(root) and "/tests/" not in code.co_filename and "/.venv" not in code.co_filename
    )


class FreshRun(_Repeatable):
    """Remembers whether a test failed."""

    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        self.failed = self.failed or report.failed


def run_fresh(mutant: Mutant, tests: Sequence[str], *, with_sql: bool) -> int:
    """Import everything anew with a mutant in it and run tests; to be called in a process that imported nothing yet."""
    if not tests:
        return SURVIVED
    code = implanting.compile_mutant(mutant, with_sql=with_sql)
    sys.meta_path.insert(0, implanting.MutantImporter(mutant, code))
    run = FreshRun()
    status = pytest.main([*OPTIONS, "-x", *tests], plugins=[run])
    return SURVIVED if status == pytest.ExitCode.OK and not run.failed else NOTICED
