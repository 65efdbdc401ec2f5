"""Putting a mutant into a running process, or into a module that is still to be imported."""

from __future__ import annotations

import functools
import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, FunctionType, ModuleType
from typing import Protocol

from tests.mutation.mutants import Mutant, parse_mutated

# Packages whose modules can be run once more in place: nothing else holds what they define.
_RERUN = ("db.verification",)


_CACHE = type(functools.lru_cache(len))


class Cache(Protocol):
    """What `functools.lru_cache` makes of a function."""

    def cache_clear(self) -> None:
        """Forget all results."""


class NothingReplaced(Exception):
    """No function that is alive has the code of the mutant, so that it can only be put in by an import."""


def index_functions(files: set[str]) -> dict[str, list[FunctionType]]:
    """Return the functions that are alive, by the file of their source."""
    found: dict[str, list[FunctionType]] = {}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            found.setdefault(each.__code__.co_filename, []).append(each)
    return found


def list_caches() -> list[Cache]:
    """Return the caches of functions in this process, which a mutant must not find filled."""
    return [each for each in gc.get_objects() if isinstance(each, _CACHE)]


def compile_mutant(mutant: Mutant, *, with_sql: bool) -> CodeType:
    """Compile the module with the mutant in it, under the file name of the source."""
    return compile(parse_mutated(mutant, with_sql=with_sql), str(mutant.path), "exec", dont_inherit=True)


def can_rerun(module: str) -> bool:
    """Return whether a module can be run once more in place."""
    return module.startswith(_RERUN)


def rerun(module: str, code: CodeType) -> None:
    """Run a module's mutated code in place, and what collects from it once more."""
    exec(code, vars(sys.modules[module]))
    for package in _RERUN:
        if module != package:
            importlib.reload(sys.modules[package])


def replace_functions(code: CodeType, functions: Sequence[FunctionType]) -> None:
    """Give the functions that are alive the code that they have in the mutated module.

    Raises NothingReplaced when none differs.
    """
    codes = {(each.co_qualname, each.co_firstlineno): each for each in _iterate_codes(code)}
    changed = [
        (function, new)
        for function in functions
        if (new := codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))) is not None
        and new != function.__code__
    ]
    if not changed:
        raise NothingReplaced
    for function, new in changed:
        function.__code__ = new


def _iterate_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _iterate_codes(constant)


class MutantImporter:
    """Finder that gives one module its mutated code when it is imported."""

    def __init__(self, mutant: Mutant, code: CodeType) -> None:
        self._mutant = mutant
        self._code = code

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find the mutated module, and no other."""
        if name != self._mutant.module:
            return None
        file = str(self._mutant.path)
        loader = _MutantLoader(name, file, self._code)
        search = [str(self._mutant.path.parent)] if self._mutant.path.name == "__init__.py" else None
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=search)


class _MutantLoader(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return self._code
