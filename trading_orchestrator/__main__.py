"""The product's command line: `python -m trading_orchestrator COMMAND`, which the script `orchestrator` runs too.

Our packages have plain names (`app`, `config`, `db`) and are installed below this package, not beside it. They come
first on the import path of our own processes only: nothing that lies in the working directory, or is installed under
such a name, can take their place, and no other program of the environment sees them.

`python -m trading_orchestrator -m MODULE ARGUMENT...` runs one of our modules instead, as `python -m` does.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def packages_folder() -> Path:
    """Return the folder that holds our packages: one inside this package when installed, the root of a checkout."""
    installed = _HERE / "_packages"
    return installed if installed.is_dir() else _HERE.parent


def main() -> None:
    """Run the command line, or a module of ours that `-m` names."""
    sys.path.insert(0, str(packages_folder()))
    if sys.argv[1:2] == ["-m"] and len(sys.argv) > 2:
        del sys.argv[:2]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        return
    from app.cli import main as run  # noqa: PLC0415 - found only once the path is set

    run()


if __name__ == "__main__":
    main()
