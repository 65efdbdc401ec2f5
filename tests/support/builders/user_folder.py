"""A user's folder: an engine of his own, and beside it modules that are called as our packages are."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).parents[3]
OUR_PACKAGES = sorted(
    initializer.parent.name
    for initializer in _ROOT.glob("*/__init__.py")
    if initializer.parent.name not in ("tests", "trading_orchestrator")
)
ENGINE = "my_engine:make"
REASON = "asked"
_MODULE = """\
import sys

program = sys.modules["__main__"].__spec__
if program is None or program.name != "trading_orchestrator.engine_host":
    raise RuntimeError("the user's {name} was imported by another process than his engine's")
OWNER = "the user of {name}"
"""
_ENGINE = """\
import {imports}

from trading_orchestrator.engine import hold


class Mine:
    name = "mine"

    def decide(self, signal, context):
        return hold({reason!r}, rationale={{"owners": [one.OWNER for one in ({imports})]}})


def make():
    return Mine()
"""


def make_user_folder(folder: Path) -> Path:
    """Write the engine and the modules that it imports; each of them fails when anything else imports it."""
    folder.mkdir(exist_ok=True)
    for name in OUR_PACKAGES:
        (folder / f"{name}.py").write_text(_MODULE.format(name=name), encoding="utf-8")
    text = _ENGINE.format(imports=", ".join(OUR_PACKAGES), reason=REASON)
    (folder / "my_engine.py").write_text(text, encoding="utf-8")
    return folder


def expected_owners() -> list[str]:
    """Return what the engine's rationale says when each module that it imported was the user's."""
    return [f"the user of {name}" for name in OUR_PACKAGES]
