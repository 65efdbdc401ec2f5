"""Where the connections of remote engines go, and where they do not, whatever a name service or a server says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.decision import Verdict
from engines.remote import RemoteEngine, RemoteEngineSettings
from tests.support.builders.certificates import a_certificate
from tests.support.servers.remote_engine import LOCAL, SHORT_S, EngineServer, a_server, ask


@pytest.fixture(scope="module")
def server() -> Iterator[EngineServer]:
    """Give a server that misbehaves on request."""
    with a_server() as one:
        yield one


def test_a_private_address_is_refused_unless_its_host_is_allowed(server: EngineServer) -> None:
    before = sum(server.asked.values())
    elsewhere = replace(LOCAL, hosts_allowed=("127.0.0.1:1", "localhost"))

    refused = [ask(RemoteEngine(server.url, terms)) for terms in (RemoteEngineSettings(), elsewhere)]

    assert [one.reasons for one in refused] == [("engine_address_refused",)] * 2
    assert "127.0.0.1, not a public address; see ENGINE_HOSTS_ALLOWED" in str(refused[0].error)
    assert sum(server.asked.values()) == before


class FakeNameService:
    """Replacement of getaddrinfo: each look-up of a name takes the next answer; addresses resolve to themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = iter(answers)
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        """Resolve a host."""
        if host[0].isdigit():
            return self._real(host, port, *arguments, **options)
        self.asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(self._answers)]


def test_a_name_is_resolved_once_per_connection_and_the_connection_goes_there(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://engine.example:{server.server_port}/decide"
    names = FakeNameService(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])

    decision = ask(RemoteEngine(url, RemoteEngineSettings(hosts_allowed=("engine.example",))))

    assert decision.verdict is Verdict.ENTER
    assert names.asked == ["engine.example"]
    assert server.headers[-1]["host"] == f"engine.example:{server.server_port}"


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNameService(monkeypatch, ["93.184.215.14", "169.254.169.254"])

    decision = ask(RemoteEngine("http://engine.example/decide", RemoteEngineSettings()))

    assert decision.reasons == ("engine_address_refused",)
    assert "169.254.169.254" in str(decision.error)


def test_a_name_service_that_hangs_costs_the_deadline_only(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait() and [])

    decision = ask(RemoteEngine("http://engine.example/decide", RemoteEngineSettings()), limit_s=SHORT_S)
    release.set()

    assert (decision.reasons, decision.error) == (
        ("engine_timeout",),
        "the name engine.example was not resolved within the deadline of 0.3 s",
    )


def test_an_unknown_name_and_a_closed_port_are_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = ask(RemoteEngine(f"http://127.0.0.1:{bound.getsockname()[1]}/", LOCAL))
    monkeypatch.setattr(socket, "getaddrinfo", _raise_unknown_host)
    unknown = ask(RemoteEngine("http://engine.example/", LOCAL))

    assert closed.reasons == unknown.reasons == ("engine_unreachable",)
    assert "Name or service not known" in str(unknown.error)


def _raise_unknown_host(*_: Any, **__: Any) -> list[Any]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_over_tls_the_certificate_must_be_trusted_and_carry_the_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = a_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    terms = RemoteEngineSettings(hosts_allowed=("localhost", "127.0.0.1"))
    with a_server(tls=tls) as server:
        by_name = f"https://localhost:{server.server_port}/decide"

        untrusted = ask(RemoteEngine(by_name, terms))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted, misnamed = ask(RemoteEngine(by_name, terms)), ask(RemoteEngine(server.url, terms))
        dripping = ask(RemoteEngine(by_name, terms), "drip_body", limit_s=SHORT_S)

    assert [one.reasons for one in (untrusted, misnamed)] == [("engine_unreachable",)] * 2
    assert "CERTIFICATE_VERIFY_FAILED" in str(untrusted.error)
    assert trusted.verdict is Verdict.ENTER
    assert dripping.reasons == ("engine_timeout",)


def test_a_handshake_that_never_comes_costs_the_deadline_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        decision = ask(RemoteEngine(f"https://127.0.0.1:{silent.getsockname()[1]}/", LOCAL), limit_s=SHORT_S)

    assert decision.reasons == ("engine_timeout",)
