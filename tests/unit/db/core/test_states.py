"""States and stages reach SQL from one place, and the tables know no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Index, Table
from sqlalchemy.dialects import postgresql

import db
from db.core import states
from db.tables.base import Base
from db.tables.signals import SignalEventRow, SignalRow
from db.tables.trades import OPEN_STATES, OrderRow, TradeRow
from domain.signal import Stage
from domain.trade import OrderState, TradeStatus

PACKAGE = Path(db.__file__).parent
STATEMENTS = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "tables"]


def test_a_set_is_rendered_in_the_order_of_its_enum() -> None:
    assert states.render_set({OrderState.UNKNOWN, OrderState.SUBMITTING}) == "('submitting', 'unknown')"
    assert states.render_set(frozenset(TradeStatus)) == "('pending', 'open', 'closed', 'denied')"


def test_open_orders_are_those_of_the_partial_indexes() -> None:
    assert states.OPEN_ORDERS == OPEN_STATES
    assert f"state IN {states.OPEN_ORDERS}" in predicate_of(OrderRow, "ix_orders_due")


def test_unfinished_trades_and_stages_are_those_of_the_partial_indexes() -> None:
    assert f"status IN {states.UNFINISHED_TRADES}" in predicate_of(TradeRow, "ix_trades_open")
    assert f"stage < {states.DISPATCHED}" in predicate_of(SignalRow, "ix_signals_undispatched")


def test_the_constraints_on_stages_are_those_of_the_enum() -> None:
    assert check_of(SignalRow, "stage_known") == f"stage BETWEEN {min(Stage).value} AND {max(Stage).value}"
    assert check_of(SignalEventRow, "stage_known") == f"stage BETWEEN {Stage(1).value} AND {max(Stage).value}"
    assert f"stage = {states.OUTCOME_RECORDED}" in check_of(SignalRow, "processed_is_finished")


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_statement_spells_out_a_set_of_states_or_the_number_of_a_stage(path: Path) -> None:
    source = path.read_text()

    assert re.findall(r"\b(?:state|status) (?:NOT )?IN \('[^)]*\)", source) == []
    assert re.findall(r"\bstage *(?:=|<>|<=?|>=?) *\d", source) == []


def predicate_of(row_type: type[Base], name: str) -> str:
    """Return the SQL of a partial index's condition."""
    (index,) = (index for index in table_of(row_type).indexes if index.name == name)
    assert isinstance(index, Index)
    return str(index.dialect_options["postgresql"]["where"].compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def check_of(row_type: type[Base], name: str) -> str:
    """Return the SQL of a check constraint."""
    full_name = f"ck_{row_type.__tablename__}_{name}"
    (check,) = (constraint for constraint in table_of(row_type).constraints if constraint.name == full_name)
    assert isinstance(check, CheckConstraint)
    return str(check.sqltext)


def table_of(row_type: type[Base]) -> Table:
    """Return the table that a class is mapped to."""
    table = row_type.__table__
    assert isinstance(table, Table)
    return table
