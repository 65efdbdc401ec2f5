"""Messages between a worker and an engine outside its process: one JSON line each way, over a pipe or HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import msgspec

from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineQuestion:
    """Question to an engine: decide on a signal in a market context."""

    signal: Signal
    context: MarketContext


@dataclass(frozen=True, slots=True, kw_only=True)
class HostGreeting:
    """First line of an engine's host process: the engine's name, version and latency, or why it cannot run (`failure`).

    `declared_latency_s` is in seconds; `bars_needed` counts closed bars; `longest_hold` is the longest time limit of
    its plans. None when the engine declares none.
    """

    name: str = ""
    version: str = ""
    declared_latency_s: Decimal | None = None
    bars_needed: int | None = None
    longest_hold: timedelta | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReply:
    """Answer of a host: a decision, the engine's exception (`failure`), or the decision's defect (`complaint`)."""

    decision: Decision | None = None
    failure: str | None = None
    complaint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReply:
    """Answer of a remote engine: a decision, or the reason why there is none, with the engine's own version."""

    decision: Decision | None = None
    failure: str | None = None
    version: str | None = None


_GREETINGS = msgspec.json.Decoder(HostGreeting)
_REPLIES = msgspec.json.Decoder(HostReply)
_REMOTE_REPLIES = msgspec.json.Decoder(RemoteReply)


def encode_line(message: EngineQuestion | HostGreeting | HostReply | RemoteReply) -> bytes:
    """Encode a message as one line of JSON."""
    return msgspec.json.encode(message) + b"\n"


def decode_greeting(text: bytes) -> HostGreeting:
    """Decode a greeting; raises msgspec.ValidationError or DecodeError for any other text."""
    return _GREETINGS.decode(text)


def decode_reply(text: bytes) -> HostReply:
    """Decode a host's reply; raises msgspec.ValidationError or DecodeError for any other text."""
    return _REPLIES.decode(text)


def decode_remote_reply(text: bytes) -> RemoteReply:
    """Decode a remote engine's reply; raises msgspec.ValidationError or DecodeError for any other text."""
    return _REMOTE_REPLIES.decode(text)
