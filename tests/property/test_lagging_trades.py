"""The trades that lag behind the exits they have to follow are the same in SQL and in the domain's rule (49)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from db import families, lagging_trades
from db.core import migrate
from db.core.session import Database
from domain import exit_synchronization, order_states
from domain.decision import EngineSlot
from domain.exit_synchronization import Family
from domain.trade import OrderState, TradeStatus
from tests.support.builders import families as a
from tests.support.builders.rows import Judged, a_decided_entry, some_terms

Step = Callable[[Family], Family]
Member = tuple[EngineSlot, bool, TradeStatus, int]  # engine, whether a model trade, status, quantity
A, B = EngineSlot.A, EngineSlot.B
ENDED = [OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED]
WITHOUT_FILL = [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.ACCEPTED, OrderState.RESUBMIT_OK, *ENDED]


engines = st.sampled_from(EngineSlot)
numbers = st.integers(0, 3)
own_exits: st.SearchStrategy[Step] = st.builds(
    lambda engine, share, is_final: lambda family: a.exit_own_clock(family, engine, fraction=share, is_final=is_final),
    engines,
    st.integers(1, 4).map(lambda eighths: Decimal(eighths) / 8),
    st.booleans(),
)
# What a venue says of an exit that is out, with the share of it that has filled by then.
answers: st.SearchStrategy[Step] = st.builds(
    lambda number, answer: lambda family: a.answer_exit(family, number, state=answer[0], share=answer[1]),
    numbers,
    st.one_of(
        st.just((OrderState.FILLED, Decimal(1))),
        st.tuples(st.sampled_from([OrderState.PARTIAL, *ENDED[1:]]), st.just(Decimal("0.5"))),
        st.tuples(st.sampled_from(WITHOUT_FILL), st.just(Decimal(0))),
    ),
)
entries: st.SearchStrategy[Step] = st.builds(
    lambda engine, is_filled: lambda family: a.answer_entry(family, engine, is_filled=is_filled), engines, st.booleans()
)
flattenings: st.SearchStrategy[Step] = st.builds(lambda engine: lambda family: a.flatten(family, engine), engines)
owed: st.SearchStrategy[Step] = st.just(a.place_owed)
synchronizations: st.SearchStrategy[Step] = st.just(a.synchronize)
steps = st.one_of(own_exits, owed, owed, answers, answers, synchronizations, entries, flattenings)
histories = st.builds(lambda first, others: [first, *others], own_exits, st.lists(steps, max_size=8))


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    """Draw which engines entered, which of them trade for real, whether that is pending, and how large."""
    drawn = []
    for engine in draw(st.sampled_from([(A,), (B,), (A, B), (A, B)])):
        quantity = draw(st.integers(1, 8))
        drawn.append((engine, True, TradeStatus.OPEN, quantity))
        if draw(st.sampled_from([True, True, False])):
            status = draw(st.sampled_from([TradeStatus.OPEN, TradeStatus.OPEN, TradeStatus.PENDING]))
            drawn.append((engine, False, status, draw(st.integers(1, quantity))))
    return drawn


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    database = Database(migrate.driver_url(database_url))
    with database.transaction() as session:
        yield session
        session.rollback()
    database.dispose()


@pytest.mark.property_id(49)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=members(), taken=histories)
def test_sql_finds_exactly_the_experiments_that_the_rule_says_lag(
    session: Session,
    judged: Judged,
    drawn: list[Member],
    taken: list[Step],
) -> None:
    family = a.a_family(
        judged,
        [
            a.a_member(judged, engine, is_shadow=is_shadow, status=status, quantity=quantity)
            for engine, is_shadow, status, quantity in drawn
        ],
    )
    for step in taken:
        family = step(family)

    with session.begin_nested() as saved:
        a.store(session, judged.signal, family)
        (loaded,) = families.load(session, [judged.experiment_id])
        among = lagging_trades.filter_experiments(session, [judged.experiment_id])
        in_book = lagging_trades.list_in_book(session, judged.signal.book)
        saved.rollback()

    expected = {judged.experiment_id} if lags(loaded) else set()
    event(f"lags: {bool(expected)}")
    assert (among, in_book) == (expected, expected)


@pytest.mark.property_id(49)
def test_a_refused_exit_of_split_capital_is_found_although_its_model_trade_has_closed(
    session: Session, judged: Judged
) -> None:
    both = [a.a_member(judged, engine, is_shadow=is_shadow) for engine in EngineSlot for is_shadow in (True, False)]
    exited = a.exit_own_clock(a.a_family(judged, both), A, fraction=Decimal(1), is_final=True)
    refused = a.answer_exit(a.place_owed(exited), 0, state=OrderState.REJECTED, share=Decimal(0))

    a.store(session, judged.signal, refused)

    (model,) = (trade for trade in refused.models if trade.engine is A)
    assert model.status is TradeStatus.CLOSED
    assert lagging_trades.list_in_book(session, judged.signal.book) == {judged.experiment_id}


@pytest.fixture
def judged(session: Session) -> Judged:
    """Give an entry with its experiment, to which trades can be added."""
    return a_decided_entry(session, some_terms(session))


def lags(family: Family) -> bool:
    """Return whether something is owed, or will be if what is out is refused: an exit, its copy, or an outcome."""
    return bool(
        exit_synchronization.find_owed_real_exits(refuse_all(family), venue=a.PAPER)
        or exit_synchronization.find_owed_synchronized_exits(family)
        or exit_synchronization.compute_due_outcomes(family)
    )


def refuse_all(family: Family) -> Family:
    """Return the family as it is when all orders that are out end without another fill, and the pauses are over."""
    ended = [
        replace(one, state=OrderState.REJECTED if one.state in order_states.OPEN else one.state, may_retry=True)
        for one in family.exits
    ]
    return replace(family, exits=tuple(ended), entering=frozenset())
