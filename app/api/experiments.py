"""Experiments: the assignment of each entry signal, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.fields import (
    OutputSchema,
    choice,
    decimal,
    enum_value,
    integer,
    nested,
    nested_list,
    number,
    text,
    utc_time,
    uuid,
)
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import line
from app.api.resource import Noun
from app.api.responses import as_is, found
from db import experiments
from db.core.session import Session
from db.queries import traces
from domain.access import Scope
from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from domain.signal import Direction
from reporting import signal_trace

Document = dict[str, Any]
noun = Noun("experiments", "The assignment of each entry signal, and what came of it.")


class ExperimentQuerySchema(PageInputSchema):
    """Which experiments are listed."""

    book = line("Only experiments of this book.")
    study = fields.UUID(metadata={"description": "Only experiments of the study with this id."})
    variant = fields.Enum(EngineSlot, by_value=True, metadata={"description": "Only those assigned to this engine."})
    symbol = line("Only experiments on this symbol.")


class ExperimentRowSchema(OutputSchema):
    """An experiment as it is listed."""

    experiment_id = uuid("Its id.")
    signal_id = uuid("Its signal.")
    study_id = uuid("Its study.")
    study = text("That study's name.")
    book = text("Its book.")
    symbol = text("The symbol.")
    direction = enum_value(Direction, "Which way the alert wants to enter.")
    variant = enum_value(EngineSlot, "The engine it was assigned to.")
    bucket = integer("The bucket, 0 to 999999.")
    split_percentage = number("The share of buckets that are A, 0 to 1.")
    first_asked = enum_value(EngineSlot, "The engine that was asked first.")
    assignment_hash = text("The hash that the bucket is taken from.")
    reference_notional = decimal("What returns are divided by.")
    policy_version = text("The label of the policy version in force.")
    execution_mode = enum_value(ExecutionMode, "The mode that was applied; null until that is known.", null=True)
    executed_engine = choice("A", "B", "BOTH", "NONE", description="Who trades for real.", null=True)
    shadow_engine = choice("A", "B", "BOTH", "NONE", description="Who trades in shadow only.", null=True)
    reason = text("Why, as a stable code.", null=True)
    created_at = utc_time("When it was stored.")


class ExperimentTraceSchema(OutputSchema):
    """An experiment, what the engines said, and what was traded."""

    signal_id = uuid("Its signal; `/signals/<signal_id>` has the orders and the snapshot.")
    experiment = nested(trace_schemas.AssignmentSchema, "The assignment.")
    policy = nested(trace_schemas.PolicySchema, "Who trades for real.", null=True)
    decisions = nested_list(trace_schemas.DecisionSchema, "What the engines said.")
    trades = nested_list(trace_schemas.TradeSchema, "Its trades.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "How it ended.")


SHOWN = Shown(name="experiments", of=experiments.EXPERIMENTS, item=ExperimentRowSchema)


@noun.lists("/experiments", needs=Scope.READ, item=ExperimentRowSchema, query=ExperimentQuerySchema)
def list_experiments(query: Document) -> Any:
    """List experiments, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/experiments/<uuid:experiment_id>", needs=Scope.READ, answer=ExperimentTraceSchema)
def show_experiment(experiment_id: UUID) -> Response:
    """Show an experiment with its policy, decisions, trades and outcomes."""
    return as_is(found(here().read(lambda session: _traced(session, experiment_id)), what="experiment"))


def _traced(session: Session, experiment_id: UUID) -> Document | None:
    signal_id = traces.find_signal_of_experiment(session, experiment_id)
    if signal_id is None:
        return None
    told = signal_trace.build_trace_document(traces.load(session, signal_id))
    kept = ("experiment", "policy", "decisions", "trades", "outcomes")
    return {"signal_id": str(signal_id)} | {name: told[name] for name in kept}
