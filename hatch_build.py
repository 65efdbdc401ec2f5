"""Lays out the wheel: every package of the product goes below `trading_orchestrator/_packages`.

So an installation adds one name to an environment, and `config`, `db`, `app` and the like stay free for others. The
package list is the tree itself: a new top-level folder is in the wheel without being named anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = "trading_orchestrator/_packages"
_PUBLIC = "trading_orchestrator"
_TESTS = "tests"


class WheelLayout(BuildHookInterface[Any]):
    """Adds the product's packages, and the Procfile that `orchestrator up` reads beside them, to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each source to its place; an editable installation uses the checkout as it is."""
        if version == "editable":
            return
        for source in _sources(Path(self.root)):
            build_data["force_include"][str(source)] = f"{PACKAGES}/{source.name}"


def _sources(root: Path) -> list[Path]:
    folders = sorted(initializer.parent for initializer in root.glob("*/__init__.py"))
    return [*(folder for folder in folders if folder.name not in {_PUBLIC, _TESTS}), root / "Procfile"]
