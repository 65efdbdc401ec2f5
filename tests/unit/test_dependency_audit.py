"""The audit of dependencies against a service of ours that speaks the advisory service's JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KNOWN = ("jinja2", "2.10")
ONE = ("one", "1.0")
LOCK = """\
One==1.0 ; python_version < '3' \\
    --hash=sha256:00
    # via
    #   two
two[extra]==2.0 \\
    --hash=sha256:00
"""


def advisory(name: str) -> dict[str, Any]:
    return {
        "id": f"PYSEC-1-{name}",
        "aliases": ["CVE-1-1"],
        "summary": "a flaw",
        "details": "a flaw",
        "published": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
            }
        ],
    }


class Service:
    """An advisory service that knows some versions to be vulnerable; it remembers what it was asked about."""

    def __init__(self, vulnerable: set[tuple[str, str]], *, status: int) -> None:
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self._vulnerable, self._status = vulnerable, status

    def answer(self, question: Mapping[str, Any]) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        pin = (question["package"]["name"], question["version"])
        self.asked.append(pin)
        return self._status, json.dumps({"vulns": [advisory(pin[0])]} if pin in self._vulnerable else {}).encode()


@contextmanager
def a_service(*vulnerable: tuple[str, str], status: int = 200) -> Iterator[Service]:
    service = Service(set(vulnerable), status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = service.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/v1/query"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(url: str, *locks: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci/audit.py"), "--service", url, *map(str, locks)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    written = tmp_path / "a.lock"
    written.write_text(LOCK)
    return written


def test_each_pin_is_asked_about_whatever_platform_it_is_for_and_a_clean_answer_is_counted(lock: Path) -> None:
    other = lock.with_name("other.lock")
    other.write_text("one==1.1 \\\n    --hash=sha256:00\n")
    with a_service(KNOWN) as service:
        done = audit(service.url, lock, other)

    assert (done.returncode, done.stdout) == (0, "3 pins audited, 0 known vulnerabilities\n"), done.stderr
    assert sorted(service.asked) == [KNOWN, ONE, ("one", "1.1"), ("two", "2.0")]


def test_a_vulnerable_package_is_named_and_fails(lock: Path) -> None:
    with a_service(KNOWN, ONE) as service:
        done = audit(service.url, lock)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "one 1.0: PYSEC-1-one CVE-1-1, mended in 1.1",
        "2 pins audited, 1 known vulnerabilities",
    ]


def test_a_service_that_is_down_fails(lock: Path) -> None:
    with a_service() as service:
        url = service.url

    done = audit(url, lock)

    assert (done.returncode, done.stdout) == (1, "")
    assert "the advisory service could not be asked" in done.stderr


def test_a_service_that_answers_with_an_error_fails(lock: Path) -> None:
    with a_service(KNOWN, status=503) as service:
        done = audit(service.url, lock)

    assert (done.returncode, done.stdout) == (1, "")
    assert "the advisory service could not be asked" in done.stderr


def test_a_service_that_calls_everything_clean_fails(lock: Path) -> None:
    with a_service() as service:
        done = audit(service.url, lock)

    assert (done.returncode, done.stdout) == (1, "")
    assert "knows nothing of jinja2==2.10, which is known to be vulnerable" in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "pins nothing"), ("# nothing\n", "pins nothing"), ("one>=1.0\n", "is no pin: one>=1.0")],
)
def test_a_lock_that_pins_nothing_or_not_exactly_fails(lock: Path, content: str, told: str) -> None:
    broken = lock.with_name("broken.lock")
    broken.write_text(content)
    with a_service(KNOWN) as service:
        done = audit(service.url, lock, broken)

    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert service.asked == []


def test_a_lock_that_is_missing_fails(tmp_path: Path) -> None:
    done = audit("http://127.0.0.1:1", tmp_path / "none.lock")

    assert done.returncode == 1
    assert "none.lock" in done.stderr


def test_a_pin_that_the_auditor_skips_fails(lock: Path) -> None:
    lock.write_text("one==1.0\nbroken==not.a.version\n")
    with a_service(KNOWN) as service:
        done = audit(service.url, lock)

    assert done.returncode == 1
    assert "not.a.version" in done.stderr


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_every_package_with_hashes_and_names_no_place_to_get_it_from(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    packages = [at for at, line in enumerate(lines) if line and not line.startswith((" ", "#"))]

    unpinned = [lines[at] for at in packages if "==" not in lines[at].partition(";")[0]]
    unhashed = [lines[at] for at in packages if not lines[at + 1].startswith("    --hash=sha256:")]
    options = [line for line in lines if line.lstrip().startswith("-") and not line.startswith("    --hash=sha256:")]
    places = [line for line in lines if "://" in line or " @ " in line]

    assert len(packages) > 50
    assert unpinned == unhashed == options == places == []
