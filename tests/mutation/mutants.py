"""Mutants of a module: each differs from the source by one operator, constant, condition, result or statement."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.mutation import replacements

MODULE_LEVEL = "<module>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A place in a module and what stands there instead; `function` is the outermost function, or `<module>`."""

    module: str
    path: Path
    number: int
    line: int
    function: str
    statement: str
    change: str
    occurrence: int = 0

    @property
    def at_import(self) -> bool:
        """Whether the code runs while the module is imported, so that a mutant needs a fresh process."""
        return self.function == MODULE_LEVEL

    @property
    def digest(self) -> int:
        """A number from the content alone, by which a sample is drawn that does not change when lines move."""
        content = "\0".join((self.module, self.function, self.statement, self.change, str(self.occurrence)))
        return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    parent: ast.AST
    name: str
    index: int | None
    old: ast.AST
    new: ast.AST
    function: str
    statement: str

    def put(self) -> None:
        ast.copy_location(self.new, self.old)
        ast.fix_missing_locations(self.new)
        if self.index is None:
            setattr(self.parent, self.name, self.new)
        else:
            getattr(self.parent, self.name)[self.index] = self.new

    def describe(self) -> str:
        return getattr(self.new, "shown", None) or f"{_first_line(self.old)} -> {_first_line(self.new)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the walk is: the names of the classes around, the outermost function, the statement."""

    classes: tuple[str, ...] = ()
    function: str = MODULE_LEVEL
    statement: str = ""
    with_sql: bool = False
    skipped: frozenset[int] = field(default_factory=frozenset)


def list_mutants(module: str, path: Path, *, with_sql: bool) -> list[Mutant]:
    """Return all mutants of a module in the order of its source; texts that are SQL are changed only if asked for."""
    seen: Counter[tuple[str, str, str]] = Counter()
    mutants = []
    for number, spot in enumerate(_find_spots(ast.parse(path.read_text()), with_sql=with_sql)):
        key = (spot.function, spot.statement, spot.describe())
        mutants.append(
            Mutant(
                module=module,
                path=path,
                number=number,
                line=_find_line(spot.old),
                function=spot.function,
                statement=spot.statement,
                change=spot.describe(),
                occurrence=seen[key],
            )
        )
        seen[key] += 1
    return mutants


def parse_mutated(mutant: Mutant, *, with_sql: bool) -> ast.Module:
    """Return the module's syntax tree with the change of a mutant in it."""
    tree = ast.parse(mutant.path.read_text())
    spot = next(spot for n, spot in enumerate(_find_spots(tree, with_sql=with_sql)) if n == mutant.number)
    spot.put()
    return tree


def _find_spots(tree: ast.Module, *, with_sql: bool) -> Iterator[_Spot]:
    return _walk(tree, _Place(with_sql=with_sql))


def _walk(node: ast.AST, place: _Place) -> Iterator[_Spot]:
    for name, index, child in _children(node):
        if _is_left_alone(child):
            continue
        inner = replace(place, statement=_name_statement(child)) if _is_named(child) else place
        for new in replacements.list_replacements(child, with_sql=place.with_sql):
            yield _Spot(
                parent=node,
                name=name,
                index=index,
                old=child,
                new=new,
                function=inner.function,
                statement=inner.statement,
            )
        yield from _descend(child, inner)


def _descend(node: ast.AST, place: _Place) -> Iterator[_Spot]:
    if isinstance(node, ast.ClassDef):
        yield from _walk(node, replace(place, classes=(*place.classes, node.name)))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _walk(node.args, place)
        name = ".".join((*place.classes, node.name)) if place.function == MODULE_LEVEL else place.function
        yield from _walk(ast.Module(body=node.body, type_ignores=[]), replace(place, function=name))
    elif isinstance(node, ast.Lambda) and place.function == MODULE_LEVEL:
        yield from _walk(node, replace(place, function=".".join((*place.classes, "<lambda>"))))
    elif not isinstance(node, ast.Raise):
        yield from _walk(node, place)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "bases", "keywords"} and not isinstance(
            node, ast.Call
        ):
            continue
        if isinstance(value, list):
            yield from ((name, index, child) for index, child in enumerate(value) if isinstance(child, ast.AST))
        elif isinstance(value, ast.AST):
            yield name, None, value


def _find_line(node: ast.AST) -> int:
    """Return the line of a node; the filter of a comprehension has none, but its variable has."""
    line: int = (node.target if isinstance(node, ast.comprehension) else node).lineno  # type: ignore[attr-defined]
    return line


def _is_named(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt) or _find_rule(node) is not None


def _name_statement(node: ast.AST) -> str:
    return _find_rule(node) or _first_line(node)


def _find_rule(node: ast.AST) -> str | None:
    """Return the name of the rule of `verify` that a call makes; a whole list of them is one statement."""
    match node:
        case ast.Call(func=ast.Name(id="QueryRule" | "RecomputationRule"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case _:
            return None


def _is_left_alone(node: ast.AST) -> bool:
    """Return whether a node is a docstring, an import, an assertion for the type checker, or a line of the log."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if not isinstance(node, ast.Expr):
        return False
    return isinstance(node.value, ast.Constant) or ast.unparse(node).startswith(("log.", "logger.", "warnings."))


def _first_line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split("\n")[0].split())
