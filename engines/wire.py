"""What goes between a worker and an engine outside it: one JSON line each way, over pipes or in HTTP bodies."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an engine is asked."""

    signal: Signal
    context: MarketContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The host's first line: who it runs, or why it runs nothing."""

    name: str = ""
    version: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The host's answer: a decision, or what was raised (`failure`), or what is wrong with it (`complaint`)."""

    decision: Decision | None = None
    failure: str | None = None
    complaint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReply:
    """A remote engine's answer: a decision or why there is none, and the version it says it has."""

    decision: Decision | None = None
    failure: str | None = None
    version: str | None = None


_QUESTIONS = msgspec.json.Decoder(Question)
_GREETINGS = msgspec.json.Decoder(Greeting)
_REPLIES = msgspec.json.Decoder(Reply)
_REMOTE_REPLIES = msgspec.json.Decoder(RemoteReply)


def line(message: Question | Greeting | Reply | RemoteReply) -> bytes:
    """Write a message as one line."""
    return msgspec.json.encode(message) + b"\n"


def question(text: bytes) -> Question:
    """Read a question; raises msgspec.ValidationError when it is none."""
    return _QUESTIONS.decode(text)


def greeting(text: bytes) -> Greeting:
    """Read a greeting; raises msgspec.ValidationError or DecodeError when it is none."""
    return _GREETINGS.decode(text)


def reply(text: bytes) -> Reply:
    """Read a reply; raises msgspec.ValidationError or DecodeError when it is none."""
    return _REPLIES.decode(text)


def remote_reply(text: bytes) -> RemoteReply:
    """Read a remote engine's reply; raises msgspec.ValidationError or DecodeError when it is none."""
    return _REMOTE_REPLIES.decode(text)
