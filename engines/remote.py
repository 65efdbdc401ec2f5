"""An engine anywhere, in any language, asked over HTTP: JSON in, JSON out, trusted with nothing."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import msgspec

from config.values import Secret
from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal
from engines import addresses, http_client, signing, wire
from engines.addresses import Endpoint
from engines.answers import AnswerInvalid, has_only_finite_numbers
from engines.hosted import DECIDE_DEADLINE_S, EngineFailed, EngineTimeout
from engines.http_client import HttpAnswer, HttpCall
from engines.version import LENGTH

MAX_ANSWER = 256 * 1024
# A batch over a distant network would not fit its deadline one question after the other.
SIDE_BY_SIDE = 8
MAX_VERSION = 100


class RemoteFailed(RuntimeError):
    """The engine gave no usable answer; `reason` is a stable code for the kind of failure."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTerms:
    """What holds for all remote engines: hosts (`host` or `host:port`) with any address, and the shared secret."""

    hosts_allowed: tuple[str, ...] = ()
    secret: Secret | None = None


class RemoteEngine:
    """An engine behind a URL. Each question has a connection of its own, whose name is resolved once.

    `name` is the URL without its query; the version is a hash of the whole URL, since a study compares places. What
    the engine itself says about its version is kept in each rationale as `engine_version`.
    """

    is_inline = False
    side_by_side = SIDE_BY_SIDE

    def __init__(self, url: str, terms: RemoteTerms) -> None:
        self.name = url.partition("?")[0]
        self.version = hashlib.sha256(url.encode()).hexdigest()[:LENGTH]
        self._endpoint = Endpoint.parse(url)
        self._terms = terms
        self._tls = ssl.create_default_context() if self._endpoint.scheme == "https" else None

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask under the default deadline; raises as `decide_within` does."""
        return self.decide_within(signal, context, deadline_s=DECIDE_DEADLINE_S)

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Ask the engine and return its answer within `deadline_s`, name resolution and connection included.

        Raises:
            EngineTimeout: when the whole answer does not come in time.
            EngineFailed: when the engine says that it failed.
            RemoteFailed: naming the kind of any other failure.
            AnswerInvalid: when the answer is no decision.
        """
        deadline_at = time.monotonic() + deadline_s
        body = wire.line(wire.Question(signal=signal, context=context))
        timestamp = str(int(time.time()))
        signature = self._signature(timestamp, body)
        answer = self._posted(body, {signing.TIMESTAMP: timestamp, **signature}, deadline_at=deadline_at)
        self._check(answer, asked=signature.get(signing.SIGNATURE, ""))
        return _decision(read(answer.body))

    def _signature(self, timestamp: str, body: bytes) -> dict[str, str]:
        if self._terms.secret is None:
            return {}
        return {signing.SIGNATURE: signing.question(self._terms.secret.reveal(), timestamp=timestamp, body=body)}

    def _posted(self, body: bytes, signed: Mapping[str, str], *, deadline_at: float) -> HttpAnswer:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **signed}
        try:
            allowed = self._terms.hosts_allowed
            found = addresses.resolve(self._endpoint, allowed=allowed, deadline_at=deadline_at)
            call = HttpCall(
                endpoint=self._endpoint,
                addresses=found,
                headers=headers,
                body=body,
                max_answer=MAX_ANSWER,
                tls=self._tls,
            )
            return http_client.post(call, deadline_at=deadline_at)
        except (OSError, http_client.AnswerTooLarge, http.client.HTTPException) as error:
            raise _named(error) from error

    def _check(self, answer: HttpAnswer, *, asked: str) -> None:
        if 300 <= answer.status < 400:
            raise RemoteFailed("engine_redirect", f"HTTP status {answer.status}; redirects are not followed")
        if answer.status != http.HTTPStatus.OK:
            raise RemoteFailed("engine_http_status", f"HTTP status {answer.status}")
        if self._terms.secret is None:
            return
        expected = signing.answer(self._terms.secret.reveal(), asked=asked, body=answer.body)
        if not signing.is_same(answer.headers.get(signing.SIGNATURE.lower(), ""), expected):
            raise RemoteFailed("engine_bad_signature", f"{signing.SIGNATURE} is missing or wrong")


def read(body: bytes) -> wire.RemoteReply:
    """Read an answer's body.

    Raises:
        RemoteFailed: `engine_not_json` or `engine_nan`, the latter for a number that JSON does not have.
        AnswerInvalid: when it is JSON of another shape.
    """
    try:
        return wire.remote_reply(body)
    except msgspec.ValidationError as error:
        raise AnswerInvalid(f"the answer has another shape: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _unreadable(body, error) from None


def _decision(reply: wire.RemoteReply) -> Decision:
    if reply.decision is None:
        raise AnswerInvalid("no decision in the answer") if reply.failure is None else EngineFailed(reply.failure)
    if not has_only_finite_numbers(reply.decision):
        raise RemoteFailed("engine_nan", "a number of the decision is not finite")
    if reply.version is None:
        return reply.decision
    if not reply.version.isprintable() or len(reply.version) > MAX_VERSION:
        raise AnswerInvalid(f"version must be a printable text of at most {MAX_VERSION} characters")
    return replace(reply.decision, rationale={**reply.decision.rationale, "engine_version": reply.version})


def _unreadable(body: bytes, error: Exception) -> RemoteFailed:
    try:
        json.loads(body, parse_constant=_refuse)
    except _NotFinite as constant:
        return RemoteFailed("engine_nan", f"{constant} is no number of JSON")
    except (ValueError, RecursionError):
        pass
    return RemoteFailed("engine_not_json", f"the answer is no JSON: {error}")


class _NotFinite(ValueError):
    pass


def _refuse(constant: str) -> NoReturn:
    raise _NotFinite(constant)


def _named(error: Exception) -> EngineTimeout | RemoteFailed:
    match error:
        case addresses.ResolvingTimeout() | http_client.ExchangeTimeout():
            return EngineTimeout(str(error))
        case addresses.AddressRefused():
            return RemoteFailed("engine_address_refused", str(error))
        case http_client.AnswerTooLarge():
            return RemoteFailed("engine_too_large", str(error))
        case OSError():
            return RemoteFailed("engine_unreachable", f"{type(error).__name__}: {error}")
        case _:
            return RemoteFailed("engine_not_http", f"{type(error).__name__}: {error}")
