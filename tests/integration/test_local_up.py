"""`orchestrator up` as its user runs it: the real Procfile on embedded servers."""

from __future__ import annotations

import base64
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import IO

from stack import procfile, runfile
from stack.runfile import RunFile
from tests.support.local_stack import a_directory, eventually, free_port, running_with

ORCHESTRATOR = Path(sys.executable).with_name("orchestrator")


def status(url: str, *, password: str | None = None) -> int | None:
    """Return the HTTP status of a GET, None when nobody answers."""
    request = urllib.request.Request(url)
    if password is not None:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def logged_in(url: str, password: str) -> str:
    """Log in as admin, as a browser does, and return the address one ends at."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"{url}/account", timeout=5) as page:
        token = re.findall(r'name="csrf_token" value="([^"]+)"', page.read().decode())[0]
    form = {"csrf_token": token, "name": "admin", "password": password, "next": "/account"}
    try:
        with opener.open(f"{url}/login", urllib.parse.urlencode(form).encode(), timeout=10) as answer:
            return str(answer.url)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.url)


def told_in_one_piece(printed: str) -> list[str]:
    """Return the first words of the lines from the console's to the webhook's."""
    words = [line.split(" ", 1)[0] for line in printed.splitlines()]
    return words[words.index("console") : words.index("webhook") + 1]


def running(root: Path) -> set[str]:
    """Return the names of the processes in run.json; one that is being started again is not among them."""
    run = runfile.read_run_file(root / "main")
    return set() if run is None else set(run.processes)


def test_up_serves_web_and_flower_until_it_is_interrupted_and_leaves_nothing() -> None:
    port, flower_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    with a_directory() as root:
        expected = {"postgres", "redis", *procfile.read_procfile(procfile.default_path())}
        command = (str(ORCHESTRATOR), "up", "--port", str(port), "--flower-port", str(flower_port))
        with subprocess.Popen(command, env={**kept, "DATA_DIR": str(root)}, stderr=subprocess.PIPE) as process:
            try:
                eventually(lambda: runfile.read_run_file(root / "main") is not None, what="run.json", within_s=90)
                eventually((root / "main" / "admin_password").exists, what="the first admin")
                run = runfile.read_run_file(root / "main")
                assert isinstance(run, RunFile)
                password = (root / "main" / "flower_password").read_text().strip()
                flower = run.flower_url + "/api/workers"
                eventually(lambda: status(flower, password=password) == 200, what="Flower's answer", within_s=60)

                admin = (root / "main" / "admin_password").read_text().strip()
                assert logged_in(run.web_url, admin) == f"{run.web_url}/account"
                assert logged_in(run.web_url, "a wrong password") == f"{run.web_url}/login"
                assert status(run.web_url + "/readyz") == 200
                assert status(flower) == 401
                metrics = run.flower_url + "/metrics"
                assert (status(metrics), status(metrics, password=password)) == (401, 200)
                eventually(lambda: running(root) == expected, what="every process in run.json")
                process.send_signal(signal.SIGINT)
                printed = process.communicate(timeout=60)[1].decode()
            finally:
                process.kill()

        assert process.returncode == 0, printed
        assert not running_with(str(root))
        assert not running_with(f"--port {port}")
        assert "database system is ready" in (root / "main" / "log" / "servers.log").read_text()
        assert (root / "current").read_text().strip() == str(root / "main")
    assert f"http://127.0.0.1:{port}" in printed
    assert printed.count(password) == 1
    assert told_in_one_piece(printed) == ["console", "Flower", "data", "login", "webhook"]
    assert "postgres " not in printed, "the servers log to a file"
    assert "[config]" not in printed, "Celery's banner"
    assert "Registered tasks" not in printed, "Flower's banner"
    assert printed.count(admin) == 1


def test_a_terminal_shows_phases_and_addresses_and_none_of_the_processes_lines() -> None:
    port, flower_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    terminal, stderr = pty.openpty()
    with a_directory() as root, os.fdopen(terminal, "rb", buffering=0) as screen:
        command = (str(ORCHESTRATOR), "up", "--port", str(port), "--flower-port", str(flower_port))
        printed: list[bytes] = []
        with subprocess.Popen(command, env={**kept, "DATA_DIR": str(root)}, stderr=stderr) as process:
            os.close(stderr)
            reader = threading.Thread(target=read_all, args=(screen, printed), daemon=True)
            reader.start()
            try:
                eventually(lambda: b"webhook" in b"".join(printed), what="the webhook's URL", within_s=90)
                process.send_signal(signal.SIGINT)
                process.wait(60)
            finally:
                process.kill()
        reader.join(10)
        log = (root / "main" / "log" / "up.log").read_text()

    shown = b"".join(printed).decode().replace("\r\n", "\n")
    assert shown[: shown.index("console ")].splitlines() == [
        "starting the servers",
        "migrating the database",
        "starting the processes",
    ]
    assert told_in_one_piece(shown) == ["console", "Flower", "data", "login", "webhook"]
    assert "worker" in log


def read_all(screen: IO[bytes], printed: list[bytes]) -> None:
    """Append what a terminal shows until its other end is closed."""
    with suppress(OSError):
        while chunk := screen.read(4096):
            printed.append(chunk)
