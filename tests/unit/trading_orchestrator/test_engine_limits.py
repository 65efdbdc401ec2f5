"""Root is given up before an engine is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A system interpreter can be used by everybody, one in somebody's home cannot.
SYSTEM_PYTHON = Path("/usr/bin/python3")
_GIVE_UP = """
import os, sys
sys.path.insert(0, sys.argv[1])
import importlib.util
spec = importlib.util.spec_from_file_location("engine_limits", sys.argv[2])
limits = importlib.util.module_from_spec(spec)
spec.loader.exec_module(limits)
limits.give_up_root("my_engine")
limits.limit_resources()
print(os.getuid(), os.getegid(), len(os.getgroups()))
print(next(line for line in open("/proc/self/status") if line.startswith("CapEff")))
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="only root has something to give up"
)


def give_up_root(folder: Path, interpreter: Path) -> list[str]:
    (folder / "my_engine.py").write_text("")
    file = ROOT / "trading_orchestrator" / "engine_limits.py"
    done = subprocess.run(
        [interpreter, "-P", "-c", _GIVE_UP, folder, file], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="there is no system Python")
def test_an_engine_that_everybody_may_read_runs_as_nobody(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder.parts[1:2] == ("tmp",) and folder != Path("/tmp"):
            folder.chmod(0o755)

    uid, gid, groups, *rest = give_up_root(tmp_path, SYSTEM_PYTHON)

    assert (uid != "0", gid != "0", groups) == (True, True, "0")
    assert int(rest[-1], 16) == 0


def test_an_engine_that_only_root_may_read_has_no_privileges(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    uid, _, _, *rest = give_up_root(tmp_path, Path(sys.executable))

    assert uid == "0"
    assert int(rest[-1], 16) == 0
