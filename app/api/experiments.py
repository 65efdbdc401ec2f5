"""Routes of experiments: the assignment of each entry signal, and its results."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.database_access import api_database
from app.api.fields import (
    OutputSchema,
    choice,
    decimal,
    enum_value,
    integer,
    nested_list,
    nested_object,
    number,
    text,
    utc_time,
    uuid,
)
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import line_parameter
from app.api.resource import ApiResource
from app.api.responses import json_response, require_found
from db import experiments
from db.core.session import Session
from db.queries import traces
from domain.access import Scope
from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from domain.signal import Direction
from reporting import signal_trace

Document = dict[str, Any]
resource = ApiResource("experiments", "The assignment of each entry signal, and its results.")


class ExperimentQuerySchema(PageInputSchema):
    """Filters of the list of experiments."""

    book = line_parameter("Only experiments of this book.")
    study = fields.UUID(metadata={"description": "Only experiments of the study with this id."})
    variant = fields.Enum(EngineSlot, by_value=True, metadata={"description": "Only those assigned to this engine."})
    symbol = line_parameter("Only experiments on this symbol.")


class ExperimentRowSchema(OutputSchema):
    """A row of the list of experiments."""

    experiment_id = uuid("Unique id.")
    signal_id = uuid("Signal it belongs to.")
    study_id = uuid("Study it belongs to.")
    study = text("Name of the study.")
    book = text("Book.")
    symbol = text("Symbol.")
    direction = enum_value(Direction, "Direction of the alert.")
    variant = enum_value(EngineSlot, "Engine it was assigned to.")
    bucket = integer("Bucket, 0 to 999999.")
    split_percentage = number("Share of the buckets that are assigned to A, 0 to 1.")
    first_asked = enum_value(EngineSlot, "Engine that was asked first.")
    assignment_hash = text("Hash that the bucket is derived from.")
    reference_notional = decimal("Reference notional, which returns are divided by.")
    policy_version = text("Label of the policy version in force.")
    execution_mode = enum_value(ExecutionMode, "Execution mode that was applied; null until it is known.", null=True)
    executed_engine = choice("A", "B", "BOTH", "NONE", description="Engine that trades for real.", null=True)
    shadow_engine = choice("A", "B", "BOTH", "NONE", description="Engine that trades in shadow only.", null=True)
    reason = text("Reason, as a stable code.", null=True)
    created_at = utc_time("Time it was stored.")


class ExperimentTraceSchema(OutputSchema):
    """An experiment with its policy, decisions, trades and outcomes."""

    signal_id = uuid("Signal; `/signals/<signal_id>` has the orders and the snapshot.")
    experiment = nested_object(trace_schemas.AssignmentSchema, "Assignment.")
    policy = nested_object(trace_schemas.PolicySchema, "Engine that trades for real.", null=True)
    decisions = nested_list(trace_schemas.DecisionSchema, "Decisions of the engines.")
    trades = nested_list(trace_schemas.TradeSchema, "Trades.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "Outcomes.")


LIST_OUTPUT = ListOutput(name="experiments", query=experiments.EXPERIMENTS, item=ExperimentRowSchema)


@resource.list_route("/experiments", needs=Scope.READ, item=ExperimentRowSchema, query=ExperimentQuerySchema)
def list_experiments(query: Document) -> Any:
    """List experiments, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/experiments/<uuid:experiment_id>", needs=Scope.READ, answer=ExperimentTraceSchema)
def show_experiment(experiment_id: UUID) -> Response:
    """Show an experiment with its policy, decisions, trades and outcomes."""
    return json_response(
        require_found(api_database().read(lambda session: _load_experiment(session, experiment_id)), what="experiment")
    )


def _load_experiment(session: Session, experiment_id: UUID) -> Document | None:
    """Return the parts of its signal's trace that belong to an experiment; None when there is no such experiment."""
    signal_id = traces.find_signal_of_experiment(session, experiment_id)
    if signal_id is None:
        return None
    trace = signal_trace.build_trace_document(traces.load(session, signal_id))
    parts = ("experiment", "policy", "decisions", "trades", "outcomes")
    return {"signal_id": str(signal_id)} | {name: trace[name] for name in parts}
