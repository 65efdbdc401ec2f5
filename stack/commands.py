"""Commands that start processes of the product with this interpreter, wherever the product is installed."""

from __future__ import annotations

import sys

# -P: the working directory must not come before the interpreter's own modules on the import path.
_PRODUCT = (sys.executable, "-P", "-m", "trading_orchestrator")


def build_product_command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs `orchestrator ARGUMENTS`."""
    return (*_PRODUCT, *arguments)


def build_module_command(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs one of our modules as a program."""
    return (*_PRODUCT, "-m", name, *arguments)
