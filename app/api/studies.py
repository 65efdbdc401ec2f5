"""Studies and their report: which engine is better, by how much, and whether that is known yet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from werkzeug.exceptions import NotFound

from app.api import paging
from app.api.database_access import api_database
from app.api.fields import (
    OpenOutputSchema,
    OutputSchema,
    boolean,
    choice,
    enum_value,
    integer,
    json_object,
    nested_list,
    number,
    text,
    utc_time,
    uuid,
)
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import InputSchema, line_parameter
from app.api.resource import ApiResource
from app.api.responses import json_response, require_found
from db import studies
from db.core.session import Database
from db.queries import reports
from db.queries.reports import StudyUnknown
from domain.access import Scope
from domain.signal import InstrumentKind
from domain.study import ExitClock
from reporting import document, signal_trace

Document = dict[str, Any]
resource = ApiResource("studies", "Pre-registered comparisons, and what is known so far.")


class StudyQuerySchema(PageInputSchema):
    """Filters of the list of studies."""

    book = line_parameter("Only studies of this book.")


class ReportQuerySchema(InputSchema):
    """The study of the report."""

    study = line_parameter("Name of the study (default: the newest with signals, studies of the test book last).")
    book = line_parameter("Only studies of this book.")


class StudyRowSchema(OutputSchema):
    """The frozen terms of a comparison; one runs per book."""

    study_id = uuid("Unique id.")
    name = text("Name.")
    book = text("Book.")
    status = choice("running", "closed", description="Status.")
    salt = text("Salt of the assignment hashes.")
    horizon_sessions = integer("Sessions after which a pair is marked as long; no trade is closed by it.")
    exit_clock = enum_value(ExitClock, "Exit clock on which trades are compared.")
    alpha = number("Significance level.")
    engine_a = text("Version of engine A.")
    engine_b = text("Version of engine B.")
    fill_model = text("Version of the fill model.")
    experiments = integer("Number of experiments.")
    created_at = utc_time("Time it was opened.")


class StudyCostsSchema(OutputSchema):
    """What trading one kind of instrument costs at one venue, in basis points, as decimal strings."""

    instrument_kind = enum_value(InstrumentKind, "Kind of instrument.")
    venue = text("Venue; empty for all without a row of their own.")
    spread_bps = text("Distance between bid and ask where one of them is not known.")
    slippage_bps = text("Added to each market order.")
    fee_bps = text("Fee of each fill, of its notional.")
    holding = json_object("Cost of holding: its name, hours, and basis points for long and short.", null=True)
    basis = text("Source of the numbers.")


class ReportSchema(OpenOutputSchema):
    """The comparison; the same data gives the same document, bit for bit."""

    study = text("Name of the study.")
    book = text("Book.")
    exit_clock = enum_value(ExitClock, "Exit clock on which trades are compared.")
    horizon_sessions = integer("Sessions after which a pair is marked as long; no trade is closed by it.")
    simulated = boolean("True when no money was at stake.")
    reference_capital = text("Capital that ratios are based on, a decimal string.")
    currency = text("Currency of all amounts.")
    fill_model = text("Version of the fill model.")
    engine_versions = json_object("Versions of the engines.")
    modes = json_object("Number of experiments by execution mode.")
    entries = integer("Number of entry signals.")
    span = json_object("First and last time and number of days; null without entries.", null=True)
    trading_days = json_object("Days on which the instruments are traded: their number, and how many a year has.")
    marked_to_market = boolean("True when the maximum drawdown includes open trades at the close of each bar.")
    costs = text("Version of the table of trading costs.")
    cost_rows = nested_list(
        StudyCostsSchema, "Rows of that table that the study's instruments use; none under an earlier fill model."
    )
    engines = json_object("By engine: decisions, trades, wins, win rate, P&L, Sharpe ratio, maximum drawdown.")
    difference = json_object("Mean return per entry signal, B minus A, with its interval and method.")
    cells = json_object("By the engines that traded: number of pairs and contribution to the difference.")
    exit_reasons = json_object("Exit reasons by engine and direction.")
    directions = json_object("Number of trades by engine and direction.")
    stayed_out = json_object("Signals that each engine did not trade, by the reason.")
    entry_prices = json_object("Entries of model trades by the origin of their price.")
    answers = json_object("Number of answers by engine and verdict.")
    execution_gap = number("Mean return of real minus model trades of the same engine.", null=True)
    execution_gaps = json_object("By engine: the gap and its number of trades.")
    other_clock = json_object("The same figures on the other exit clock.")
    health = json_object("Checks of the comparison: balance of the split, hashes, unresolved entries.")
    verdict = json_object("Verdict: status and text.")


LIST_OUTPUT = ListOutput(name="studies", query=studies.STUDIES, item=StudyRowSchema)


@resource.list_route("/studies", needs=Scope.READ, item=StudyRowSchema, query=StudyQuerySchema)
def list_studies(query: Document) -> Any:
    """List studies, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/studies/<uuid:study_id>", needs=Scope.READ, answer=StudyRowSchema)
def show_study(study_id: UUID) -> Document:
    """Show the terms of a study."""
    study = require_found(api_database().read(lambda session: studies.find(session, study_id)), what="study")
    (row,) = signal_trace.convert_rows([study])
    return row


@resource.detail_route("/report", needs=Scope.READ, answer=ReportSchema, query=ReportQuerySchema, errors=(404,))
def report_study(query: Document) -> Response:
    """Compare the engines of a study.

    One report is computed at a time; it may take up to a minute.
    """
    try:
        return json_response(api_database().run_slow(lambda database: _build_report(database, query)))
    except StudyUnknown as unknown:
        raise NotFound(str(unknown)) from None


def _build_report(database: Database, query: Document) -> Document:
    with database.snapshot() as session:
        record = reports.load(session, study=query.get("study"), book=query.get("book"))
    return document.build_report(record)
