"""The mutants themselves: which there are, that a sample keeps its members, and that a mutant reaches running code."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain import entry_orders
from tests.mutation import children, implanting, scope
from tests.mutation.children import NOTICED, SURVIVED
from tests.mutation.mutants import Mutant, list_mutants

SOURCE = '''
"""A module."""

LIMIT = 3


def is_small(value, rest=0):
    """Say so."""
    if value < LIMIT and not rest:
        return True
    raise ValueError("3 is too large")
'''


def mutants_of(tmp_path: Path, source: str, *, with_sql: bool = False) -> list[Mutant]:
    path = tmp_path / "small.py"
    path.write_text(source)
    return list_mutants("small", path, with_sql=with_sql)


def test_operators_constants_conditions_results_and_statements_are_changed(tmp_path: Path) -> None:
    found = {(mutant.function, mutant.change) for mutant in mutants_of(tmp_path, SOURCE)}

    assert found == {
        ("<module>", "3 -> 4"),
        ("<module>", "3 -> 2"),
        ("<module>", "0 -> 1"),
        ("<module>", "0 -> -1"),
        ("is_small", "if value < LIMIT and (not rest): -> if not (value < LIMIT and (not rest)):"),
        ("is_small", "value < LIMIT and (not rest) -> value < LIMIT or not rest"),
        ("is_small", "value < LIMIT -> value <= LIMIT"),
        ("is_small", "value < LIMIT -> value >= LIMIT"),
        ("is_small", "not rest -> rest"),
        ("is_small", "return True -> return None"),
        ("is_small", "True -> False"),
        ("is_small", "raise ValueError('3 is too large') -> pass"),
    }


def test_sql_is_changed_where_it_is_asked_for(tmp_path: Path) -> None:
    source = "RULE = 'SELECT id FROM fills WHERE price <= 0 AND quantity IS NULL'"

    assert mutants_of(tmp_path, source) == []
    assert len(mutants_of(tmp_path, source, with_sql=True)) == 3


def test_a_sample_keeps_its_members_when_lines_move(tmp_path: Path) -> None:
    before = [mutant.digest for mutant in mutants_of(tmp_path, SOURCE)]
    after = [mutant.digest for mutant in mutants_of(tmp_path, "\n\nimport os\n" + SOURCE)]

    assert len(set(before)) == len(before)
    assert after == before


def test_a_mutant_reaches_functions_that_are_alive_in_a_child_and_in_no_other_process() -> None:
    path = Path(entry_orders.__file__)
    mutants = [each for each in list_mutants("domain.entry_orders", path, with_sql=False) if not each.at_import]
    functions = implanting.index_functions({str(path)})[str(path)]
    codes = [function.__code__ for function in functions]

    def attempt(mutant: Mutant) -> int:
        implanting.replace_functions(implanting.compile_mutant(mutant, with_sql=False), functions)
        return NOTICED if [function.__code__ for function in functions] != codes else SURVIVED

    answers = dict(children.try_all(mutants[:5], attempt, jobs=1, cpu_s=10))

    assert list(answers.values()) == [NOTICED] * len(mutants[:5])
    assert [function.__code__ for function in functions] == codes


def test_a_child_that_hangs_has_noticed_its_mutant(tmp_path: Path) -> None:
    def hang(_: Mutant) -> int:
        while True:
            pass

    answers = dict(children.try_all(mutants_of(tmp_path, SOURCE)[:1], hang, jobs=1, cpu_s=1))

    assert list(answers.values()) == [NOTICED]


@pytest.mark.parametrize("area", scope.AREAS, ids=lambda area: area.folder)
def test_what_is_listed_as_equivalent_is_still_in_the_source(area: scope.Area) -> None:
    rows = {row for row in scope.read_equivalents() if row[0].startswith(area.folder.replace("/", "."))}
    files = {module: scope.ROOT / f"{module.replace('.', '/')}.py" for module, *_ in rows}
    present = {
        (each.module, each.function, each.statement, each.change)
        for module, path in files.items()
        for each in list_mutants(module, path, with_sql=area.with_sql)
    }

    assert rows - present == set()
