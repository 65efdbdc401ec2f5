"""How our packages are found: by our own processes, wherever they are started, and by nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack import commands
from tests.support.builders.user_folder import make_user_folder
from trading_orchestrator import __main__ as program

ROOT = Path(__file__).parents[3]


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """Give a folder with a module of the name of each of our packages; whoever imports one of them fails."""
    return make_user_folder(tmp_path)


def run(*command: str, within: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        command, cwd=within, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_in_a_checkout_our_packages_are_in_its_root() -> None:
    assert program.packages_folder() == ROOT


def test_an_installation_has_them_below_the_one_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_packages").mkdir()
    monkeypatch.setattr(program, "_HERE", tmp_path)

    assert program.packages_folder() == tmp_path / "_packages"


def test_modules_of_the_working_directory_do_not_take_the_place_of_ours(foreign_folder: Path) -> None:
    answer = run(*commands.build_product_command("run", "worker", "--help"), within=foreign_folder)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "--queues" in answer.stdout


def test_modules_of_a_users_import_path_do_not_either(foreign_folder: Path) -> None:
    path = os.pathsep.join((str(foreign_folder), str(ROOT)))

    answer = run(*commands.build_product_command("run", "worker", "--help"), within=foreign_folder, PYTHONPATH=path)

    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_module_of_ours_is_run_by_its_name(foreign_folder: Path) -> None:
    answer = run(*commands.build_module_command("simulator", "--help"), within=foreign_folder)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "--ledger" in answer.stdout


def test_celery_loads_our_tasks_and_not_modules_of_the_working_directory(foreign_folder: Path) -> None:
    load = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from config import settings; from tasks import celery_app; "
        "celery_app.make_celery(settings.load()).loader.import_default_modules()"
    )

    servers = {"DATABASE_URL": "postgresql://nowhere/db", "REDIS_URL": "redis://nowhere"}
    answer = run(sys.executable, "-P", "-c", load, within=foreign_folder, **servers)

    assert (answer.returncode, answer.stderr) == (0, "")
