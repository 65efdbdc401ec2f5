"""Studies and their report: which engine is better, by how much, and whether that is known yet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from werkzeug.exceptions import NotFound

from app.api import paging
from app.api.fields import (
    OpenOutputSchema,
    OutputSchema,
    boolean,
    choice,
    enum_value,
    integer,
    json_object,
    number,
    text,
    utc_time,
    uuid,
)
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import InputSchema, line
from app.api.resource import Noun
from app.api.responses import as_is, found
from db import studies
from db.core.session import Database
from db.queries import reports
from db.queries.reports import StudyUnknown
from domain.access import Scope
from domain.study import ExitClock
from reporting import document, signal_trace

Document = dict[str, Any]
noun = Noun("studies", "Pre-registered comparisons, and what is known so far.")


class StudyQuerySchema(PageInputSchema):
    """Which studies are listed."""

    book = line("Only studies of this book.")


class ReportQuerySchema(InputSchema):
    """Which study is reported."""

    study = line("The study's name (default: the newest that has signals, tests last).")
    book = line("Only studies of this book.")


class StudyRowSchema(OutputSchema):
    """The frozen terms of a comparison; one runs per book."""

    study_id = uuid("Its id.")
    name = text("Its name.")
    book = text("Its book.")
    status = choice("running", "closed", description="Whether it runs.")
    salt = text("What assignments are drawn with.")
    horizon_sessions = integer("The longest holding time, in sessions.")
    exit_clock = enum_value(ExitClock, "By whose exits trades are compared.")
    alpha = number("The level of the comparison.")
    engine_a = text("The version of engine A.")
    engine_b = text("The version of engine B.")
    fill_model = text("The version of the fill model.")
    experiments = integer("How many experiments it has.")
    created_at = utc_time("When it was opened.")


class ReportSchema(OpenOutputSchema):
    """The comparison; the same data gives the same document, bit for bit."""

    study = text("The study's name.")
    book = text("Its book.")
    exit_clock = enum_value(ExitClock, "By whose exits trades are compared.")
    horizon_sessions = integer("The longest holding time, in sessions.")
    simulated = boolean("Whether no money was at stake.")
    reference_capital = text("What ratios are based on, a decimal string.")
    currency = text("The currency of all money here.")
    fill_model = text("The version of the fill model.")
    engine_versions = json_object("The engines' versions.")
    modes = json_object("How many experiments were under which execution mode.")
    entries = integer("Entry signals.")
    span = json_object("From when to when, and on how many days; null when there is nothing.", null=True)
    engines = json_object("By engine: decisions, trades, wins, win rate, P&L, Sharpe ratio, maximum drawdown.")
    difference = json_object("The mean return per entry signal, B minus A, with its interval and how it was made.")
    cells = json_object("By who traded: how many pairs, and what they add to the difference.")
    exit_reasons = json_object("By engine and direction: why trades ended.")
    directions = json_object("By engine: how many trades in each direction.")
    answers = json_object("By engine: how often it answered what.")
    execution_gap = number("The mean return of real minus model trades of the same engine.", null=True)
    execution_gaps = json_object("By engine: that gap, and over how many trades.")
    other_clock = json_object("The same figures on the other exit clock.")
    health = json_object("Whether the comparison may be believed: balance, hashes, unresolved entries.")
    verdict = json_object("What may be said: status and text.")


SHOWN = Shown(name="studies", of=studies.STUDIES, item=StudyRowSchema)


@noun.lists("/studies", needs=Scope.READ, item=StudyRowSchema, query=StudyQuerySchema)
def list_studies(query: Document) -> Any:
    """List studies, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/studies/<uuid:study_id>", needs=Scope.READ, answer=StudyRowSchema)
def show_study(study_id: UUID) -> Document:
    """Show the terms of a study."""
    study = found(here().read(lambda session: studies.find(session, study_id)), what="study")
    (shown,) = signal_trace.convert_rows([study])
    return shown


@noun.shows("/report", needs=Scope.READ, answer=ReportSchema, query=ReportQuerySchema, errors=(404,))
def report_study(query: Document) -> Response:
    """Compare the engines of a study.

    One comparison is made at a time, and it may take up to a minute.
    """
    try:
        return as_is(here().think(lambda database: _reported(database, query)))
    except StudyUnknown as unknown:
        raise NotFound(str(unknown)) from None


def _reported(database: Database, query: Document) -> Document:
    with database.snapshot() as session:
        record = reports.load(session, study=query.get("study"), book=query.get("book"))
    return document.build_report(record)
