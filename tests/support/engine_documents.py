"""Questions and decisions carried between our own types and those of the engine contract, as the JSON in between."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal
from engines import wire
from tests.support.builders.engine_inputs import a_context, a_signal
from trading_orchestrator import engine, question


def asked(signal: Signal, context: MarketContext) -> question.QuestionDocument:
    """Return the question as an engine outside our processes reads it."""
    return msgspec.json.decode(
        wire.encode_line(wire.EngineQuestion(signal=signal, context=context)), type=question.QuestionDocument
    )


def a_question(signal: Signal | None = None, context: MarketContext | None = None) -> question.QuestionDocument:
    """Return a question about the rising market."""
    return asked(signal or a_signal(), context or a_context())


def received(decision: engine.EngineDecision) -> Decision:
    """Return the decision as we read it."""
    return msgspec.json.decode(msgspec.json.encode(decision), type=Decision)


def decided(maker: Any, signal: Signal, context: MarketContext) -> Decision:
    """Ask an engine of the contract within this process, and return its decision as we read it."""
    question = asked(signal, context)
    return received(maker.decide(question.signal, question.context))
