"""Commands that start processes of the product with this interpreter, wherever the product is installed."""

from __future__ import annotations

import sys

# -P: the working directory must not come before the interpreter's own modules on the import path.
_PRODUCT = (sys.executable, "-P", "-m", "trading_orchestrator")


def product(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs `orchestrator ARGUMENTS`."""
    return (*_PRODUCT, *arguments)


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs one of our modules as a program."""
    return (*_PRODUCT, "-m", name, *arguments)
