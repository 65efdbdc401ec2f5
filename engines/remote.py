"""Remote engine: asked over HTTP with JSON, at any place and in any language; its answers are not trusted."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NoReturn

import msgspec

from config.values import Secret
from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision
from domain.signal import Signal
from engines import addresses, http_client, signing, wire
from engines.addresses import Endpoint
from engines.answers import AnswerInvalid, has_only_finite_numbers
from engines.hosted import DECIDE_DEADLINE_S, EngineFailed, EngineTimeout
from engines.http_client import HttpRequest, HttpResponse
from engines.version import VERSION_LENGTH
from trading_orchestrator import engine_host

MAX_ANSWER = 256 * 1024
# Over a distant network most of an answer's time is waiting, which need not be done one question after the other.
CONCURRENCY = 8
MAX_VERSION = 100
_LATENCY = "#latency="


class RemoteFailed(RuntimeError):
    """The engine gave no usable answer; `reason` is a stable code for the kind of failure."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEngineSettings:
    """Settings of all remote engines.

    `hosts_allowed` holds hosts (`host` or `host:port`) that may have a private address; `secret` signs the messages.
    """

    hosts_allowed: tuple[str, ...] = ()
    secret: Secret | None = None


class RemoteEngine:
    """Engine behind a URL. Each question has a connection of its own and resolves the host once.

    `name` is the URL without its query; `version` is a hash of the whole URL, since a study compares URLs. The version
    that the engine itself reports is kept in each rationale as `engine_version`. `concurrency` is how many questions
    are put at once. The URL may end with `#latency=1.5`, the seconds that an answer takes in replays; that part is
    never sent, and decides the version as the rest does.

    Raises:
        ValueError: when the URL is none of an engine.
    """

    is_inline = False

    def __init__(self, url: str, settings: RemoteEngineSettings, *, concurrency: int = CONCURRENCY) -> None:
        address, self.latency_s = split_latency(url)
        self.name = address.partition("?")[0]
        self.version = hashlib.sha256(url.encode()).hexdigest()[:VERSION_LENGTH]
        self._endpoint = Endpoint.parse(address)
        self._settings = settings
        self._concurrency = concurrency
        self._tls = ssl.create_default_context() if self._endpoint.scheme == "https" else None

    @property
    def lanes(self) -> tuple[RemoteEngine, ...]:
        """This engine, as often as it may be asked at once."""
        return (self,) * self._concurrency

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask under the default deadline; raise as `decide_within` does."""
        return self.decide_within(signal, context, deadline_s=DECIDE_DEADLINE_S)

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Ask the engine and return its answer within `deadline_s`, name resolution and connection included.

        Raises:
            EngineTimeout: when the whole answer does not come in time.
            EngineFailed: when the engine reports a failure.
            RemoteFailed: naming the kind of any other failure.
            AnswerInvalid: when the answer is no decision.
        """
        deadline_at = time.monotonic() + deadline_s
        body = wire.encode_line(wire.EngineQuestion(signal=signal, context=context))
        timestamp = str(int(time.time()))
        signature = self._sign(timestamp, body)
        response = self._post(body, {signing.TIMESTAMP: timestamp, **signature}, deadline_at=deadline_at)
        self._check_response(response, question_signature=signature.get(signing.SIGNATURE, ""))
        return _take_decision(parse_reply(response.body))

    def _sign(self, timestamp: str, body: bytes) -> dict[str, str]:
        """Return the signature header of a question; none without a shared secret."""
        if self._settings.secret is None:
            return {}
        return {
            signing.SIGNATURE: signing.sign_question(self._settings.secret.reveal(), timestamp=timestamp, body=body)
        }

    def _post(self, body: bytes, signature_headers: Mapping[str, str], *, deadline_at: float) -> HttpResponse:
        """Send a question to an address of the host, and return the response.

        Raises:
            EngineTimeout, RemoteFailed: when no response arrives.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json", **signature_headers}
        try:
            allowed = self._settings.hosts_allowed
            host_addresses = addresses.resolve(self._endpoint, allowed=allowed, deadline_at=deadline_at)
            request = HttpRequest(
                endpoint=self._endpoint,
                addresses=host_addresses,
                headers=headers,
                body=body,
                max_answer=MAX_ANSWER,
                tls=self._tls,
            )
            return http_client.post(request, deadline_at=deadline_at)
        except (OSError, http_client.AnswerTooLarge, http.client.HTTPException) as error:
            raise _classify_failure(error) from error

    def _check_response(self, response: HttpResponse, *, question_signature: str) -> None:
        """Raise RemoteFailed for another status than 200 and, when there is a secret, for a wrong signature."""
        if 300 <= response.status < 400:
            raise RemoteFailed("engine_redirect", f"HTTP status {response.status}; redirects are not followed")
        if response.status != http.HTTPStatus.OK:
            raise RemoteFailed("engine_http_status", f"HTTP status {response.status}")
        if self._settings.secret is None:
            return
        expected = signing.sign_answer(
            self._settings.secret.reveal(), question_signature=question_signature, body=response.body
        )
        if not signing.signatures_match(response.headers.get(signing.SIGNATURE.lower(), ""), expected):
            raise RemoteFailed("engine_bad_signature", f"{signing.SIGNATURE} is missing or wrong")


def split_latency(url: str) -> tuple[str, Decimal]:
    """Return the URL of an engine without the latency that it declares, and that latency in seconds (default 0.5).

    Raises:
        ValueError: when the latency is no number from 0 to 60.
    """
    address, mark, declared = url.partition(_LATENCY)
    if not mark:
        return url, DEFAULT_LATENCY_S
    if not declared.replace(".", "", 1).isdecimal() or Decimal(declared) > engine_host.MAX_LATENCY_S:
        raise ValueError(f"{_LATENCY}SECONDS needs seconds from 0 to {engine_host.MAX_LATENCY_S}")
    return address, Decimal(declared)


def parse_reply(body: bytes) -> wire.RemoteReply:
    """Decode the body of a response.

    Raises:
        RemoteFailed: `engine_not_json` or `engine_nan`, the latter for a number that JSON does not have.
        AnswerInvalid: when it is JSON of another shape.
    """
    try:
        return wire.decode_remote_reply(body)
    except msgspec.ValidationError as error:
        raise AnswerInvalid(f"the answer has another shape: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _explain_unreadable(body, error) from None


def _take_decision(reply: wire.RemoteReply) -> Decision:
    """Return the decision of a reply, with the engine's own version in its rationale.

    Raises:
        EngineFailed: when the engine reports a failure.
        RemoteFailed, AnswerInvalid: when there is no usable decision.
    """
    if reply.decision is None:
        raise AnswerInvalid("no decision in the answer") if reply.failure is None else EngineFailed(reply.failure)
    if not has_only_finite_numbers(reply.decision):
        raise RemoteFailed("engine_nan", "a number of the decision is not finite")
    if reply.version is None:
        return reply.decision
    if not reply.version.isprintable() or len(reply.version) > MAX_VERSION:
        raise AnswerInvalid(f"version must be a printable text of at most {MAX_VERSION} characters")
    return replace(reply.decision, rationale={**reply.decision.rationale, "engine_version": reply.version})


def _explain_unreadable(body: bytes, error: Exception) -> RemoteFailed:
    """Return `engine_nan` when only NaN or infinity make the body invalid JSON, else `engine_not_json`."""
    try:
        json.loads(body, parse_constant=_reject_constant)
    except _NotFinite as constant:
        return RemoteFailed("engine_nan", f"{constant} is no number of JSON")
    except (ValueError, RecursionError):
        pass
    return RemoteFailed("engine_not_json", f"the answer is no JSON: {error}")


class _NotFinite(ValueError):
    """The body holds NaN or infinity, which JSON does not have."""


def _reject_constant(constant: str) -> NoReturn:
    raise _NotFinite(constant)


def _classify_failure(error: Exception) -> EngineTimeout | RemoteFailed:
    """Return the failure of a connection with its stable reason code."""
    match error:
        case addresses.ResolveTimeout() | http_client.RequestTimeout():
            return EngineTimeout(str(error))
        case addresses.AddressRefused():
            return RemoteFailed("engine_address_refused", str(error))
        case http_client.AnswerTooLarge():
            return RemoteFailed("engine_too_large", str(error))
        case OSError():
            return RemoteFailed("engine_unreachable", f"{type(error).__name__}: {error}")
        case _:
            return RemoteFailed("engine_not_http", f"{type(error).__name__}: {error}")
