"""The wheel in an environment of its own, outside the checkout: one name, the same report, and a user's own modules."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack import runfile
from stack.runfile import RunFile
from tests.contract import demo
from tests.packaging import archives
from tests.packaging.archives import ROOT
from tests.support.builders.user_folder import ENGINE, OUR_PACKAGES, REASON, expected_owners, make_user_folder
from tests.support.local_stack import a_directory, eventually, free_port, running_with
from tests.support.servers import alert_sender

INSTALL_WITHIN_S = 900
READ = """
import json, sys
from trading_orchestrator.client import Client
url, token, path = sys.argv[1:]
print(json.dumps(Client(url, token).get(path)))
"""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An environment with the locked dependencies and the wheel; `root` holds it and is open to every account."""

    root: Path

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return str(self.root / "environment" / "bin" / "python")

    @property
    def orchestrator(self) -> str:
        """The script that the wheel brings."""
        return str(self.root / "environment" / "bin" / "orchestrator")

    def empty_folder(self, name: str) -> Path:
        """Make a folder with nothing in it, to work in."""
        folder = self.root / name
        folder.mkdir()
        return folder

    def read(self, run: RunFile, token: str, path: str) -> Any:
        """Return a document of the HTTP API, by the client that the wheel brings."""
        command = (self.python, "-I", "-c", READ, run.web_url, token, path)
        return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Give the wheel, made of the sdist and installed as the README says: dependencies by hash, then the wheel."""
    with a_directory() as root:
        environment = root / "environment"
        subprocess.run((sys.executable, "-m", "venv", str(environment)), check=True, timeout=INSTALL_WITHIN_S)
        wheel = archives.build_wheel(archives.build_sdist(root), root)
        made = Installation(root=root)
        pip = (made.python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
        for arguments in (("--require-hashes", "-r", str(ROOT / "requirements.lock")), ("--no-deps", str(wheel))):
            subprocess.run((*pip, *arguments), check=True, timeout=INSTALL_WITHIN_S, env=clean_environment())
        yield made


def clean_environment(**changes: str) -> dict[str, str]:
    """Return the environment without what would lead to the checkout, or to servers."""
    leads_elsewhere = re.compile(r"PYTHON\w*|VIRTUAL_ENV|DATA_DIR|ENGINE_\w+|(?!PIP_)\w+_URL")
    return {name: value for name, value in os.environ.items() if not leads_elsewhere.fullmatch(name)} | changes


def test_one_name_is_importable(installation: Installation) -> None:
    names = [*OUR_PACKAGES, "tests", "trading_orchestrator"]
    look = f"import importlib.util as u; print(*(name for name in {names!r} if u.find_spec(name) is not None))"

    answer = subprocess.run(
        (installation.python, "-c", look),
        cwd=installation.empty_folder("names"),
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert answer.stdout.split() == ["trading_orchestrator"]


def test_the_demo_gives_the_report_of_the_checkout_to_the_last_bit(
    installation: Installation, shared_directory: Path
) -> None:
    folder = installation.empty_folder("demo")

    report = demo.run(
        installation.orchestrator,
        installation.root / "demo-data",
        started_in=folder,
        environment=clean_environment(),
    )

    assert report == demo.report_of_the_checkout(shared_directory)
    assert list(folder.iterdir()) == []


def test_up_runs_a_users_engine_beside_modules_named_as_our_packages(installation: Installation) -> None:
    folder, data = make_user_folder(installation.root / "user"), installation.root / "data"
    environment = clean_environment(DATA_DIR=str(data), ENGINE_B=ENGINE, ENGINE_PATH=".")
    ports = ("--port", str(free_port()), "--flower-port", str(free_port()))
    printed = installation.root / "printed.txt"
    with (
        printed.open("w") as output,
        subprocess.Popen((installation.orchestrator, "up", *ports), cwd=folder, env=environment, stderr=output) as up,
    ):
        try:
            eventually(lambda: "webhook  " in printed.read_text(), what="the webhook's address", within_s=180)
            decisions = decisions_on_an_alert(installation, data / "main", printed.read_text())
            up.send_signal(signal.SIGINT)
            code = up.wait(timeout=120)
        finally:
            up.kill()

    assert code == 0, printed.read_text()
    assert set(decisions) == {"A", "B"}
    assert (decisions["B"]["action"], decisions["B"]["reasons"]) == ("HOLD", [REASON])
    assert decisions["B"]["rationale"]["owners"] == expected_owners()
    assert not running_with(str(data))


def decisions_on_an_alert(installation: Installation, instance: Path, printed: str) -> dict[str, Any]:
    """Post an alert to the webhook that was printed, and return each engine's decision on it."""
    webhook = re.findall(r"webhook  (\S+)", printed)[0]
    answer = alert_sender.post(webhook, alert_sender.an_alert())
    assert answer.status == 200, answer
    run, token = runfile.read_run_file(instance), (instance / "api_token").read_text().strip()
    assert isinstance(run, RunFile)

    def decisions() -> dict[str, Any]:
        signal = installation.read(run, token, f"/signals/{answer.signal_id}")
        return {decision["engine"]: decision for decision in signal.get("decisions") or ()}

    eventually(lambda: len(decisions()) == 2, what="both engines' decisions", within_s=120)
    return decisions()
