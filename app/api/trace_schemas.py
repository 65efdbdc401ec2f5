"""What the API shows of what was stored about a signal: one schema per table."""

from __future__ import annotations

from app.api.fields import (
    OpenOutput,
    choice,
    count,
    ident,
    mapping,
    moment,
    money,
    one_of,
    parts,
    ratio,
    text,
    words,
    yes_no,
)
from domain.decision import EngineSlot, Verdict
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Intent, OrderState, Pricing, QuoteBasis, TradeStatus

_ENGINES = ("A", "B", "BOTH", "NONE")


class Context(OpenOutput):
    """The frozen market snapshot that both engines saw."""

    context_id = ident("Its id.")
    signal_id = ident("The signal it was taken for.")
    timestamp = moment("As of when, on the book's clock.")
    symbol = text("The symbol.")
    current_price = money("The price both engines saw.", null=True)
    bid = money("The best bid.", null=True)
    ask = money("The best ask.", null=True)
    volume = money("The volume of the newest closed bar.", null=True)
    indicators = mapping("Indicators of the closed bars, by name.")
    quality = mapping("Where each value came from, or that it is missing.")
    rest = mapping("What else the engines are shown.")
    window_hash = text("The hash of the bars.")
    context_hash = text("The hash of the whole snapshot; each decision names the one it saw.")
    created_at = moment("When it was stored.")
    bars = mapping("The closed bars, compact.")


class Assignment(OpenOutput):
    """The experiment: which variant the signal was given, and by what."""

    experiment_id = ident("Its id.")
    signal_id = ident("The signal.")
    study_id = ident("The study it belongs to.")
    study = text("That study's name.")
    variant = one_of(EngineSlot, "The engine it was assigned to.")
    assignment_hash = text("The hash that the bucket is taken from.")
    bucket = count("The bucket, 0 to 999999.")
    split_percentage = ratio("The share of buckets that are A, 0 to 1.")
    first_asked = one_of(EngineSlot, "The engine that was asked first.")
    reference_notional = money("What returns are divided by.")
    policy_version_id = count("The policy version in force.")
    policy_version = text("That version's label.")
    created_at = moment("When it was stored.")


class Policy(OpenOutput):
    """Who may trade one experiment for real, and why."""

    policy_id = ident("Its id.")
    experiment_id = ident("The experiment.")
    execution_mode = one_of(ExecutionMode, "The mode that was applied.")
    executed_engine = choice(*_ENGINES, told="Who trades for real.")
    shadow_engine = choice(*_ENGINES, told="Who trades in shadow only.")
    allocations = mapping("The share of its own quantity that each real engine may trade, as decimal strings.")
    reason = text("Why, as a stable code.")
    policy_version = text("The label of the version in force.")
    created_at = moment("When it was stored.")


class Decision(OpenOutput):
    """What an engine said, unmodified."""

    decision_id = ident("Its id.")
    experiment_id = ident("The experiment.")
    engine = one_of(EngineSlot, "Which engine.")
    engine_name = text("What the engine calls itself.")
    engine_version = text("Its version.")
    context_hash = text("The snapshot it saw.")
    action = one_of(Verdict, "What it answered.")
    side = one_of(Direction, "Which way it enters.", null=True)
    quantity = money("How much it wants.", null=True)
    stop = money("Its stop.", null=True)
    plan = mapping("How it wants to be traded.", null=True)
    confidence = ratio("How sure it is, 0 to 100.", null=True)
    reasons = words("Its reasons, as codes.")
    rationale = mapping("Its reasons, in its own words.")
    latency_ms = ratio("How long it took, in milliseconds.")
    error = text("What went wrong.", null=True)
    created_at = moment("When it was stored.")


class Fill(OpenOutput):
    """What was traded, at which price, on which stored quote."""

    fill_id = ident("Its id.")
    order_id = ident("The order.")
    trade_id = ident("The trade.")
    exit_clock = one_of(Clock, "The exit clock it counts on.")
    intent = one_of(Intent, "Whether it opens or reduces.")
    venue = text("Where.")
    venue_fill_id = text("The venue's id of it.")
    side = choice("buy", "sell", told="Bought or sold.")
    quantity = money("How much.")
    price = money("At which price.")
    fee = money("What it cost.")
    filled_at = moment("When.")
    quote_id = ident("The stored quote it refers to.")
    quote_basis = one_of(QuoteBasis, "Whether its price was observed or modelled.")
    fill_model = text("The version of the fill model.")


class OrderEvent(OpenOutput):
    """A move of an order from one state to another."""

    event_id = count("Its number.")
    order_id = ident("The order.")
    from_state = one_of(OrderState, "The state before.", null=True)
    to_state = one_of(OrderState, "The state after.")
    detail = text("What was said about it.", null=True)
    at = moment("When.")


class Order(OpenOutput):
    """An order of a trade, on one exit clock, with its fills and its moves."""

    order_id = ident("Its id.")
    client_order_id = text("The id it has at the venue.")
    book = text("The book.")
    trade_id = ident("The trade.")
    engine = one_of(EngineSlot, "Whose trade.")
    is_shadow = yes_no("Whether it is of the model trade.")
    intent = one_of(Intent, "Whether it opens or reduces.")
    exit_clock = one_of(Clock, "The exit clock it counts on.")
    leg = count("0 for the entry, then one number per exit.")
    attempt = count("Which attempt, from 1.")
    side = choice("buy", "sell", told="To buy or to sell.")
    quantity = money("How much.")
    fraction = ratio("The fraction of the opening quantity, 0 to 1.")
    pricing = one_of(Pricing, "At the market or at its limit.")
    reason = text("Why, as a stable code.")
    is_final = yes_no("Whether nothing is left after it.")
    venue = text("Where.")
    state = one_of(OrderState, "Where it stands.")
    account = text("The account at the venue.")
    venue_order_id = text("The venue's id of it.", null=True)
    not_after = moment("Until when it may reach the venue.", null=True)
    checks = count("How often it was looked up.")
    next_check_at = moment("When it is looked at again.")
    created_at = moment("When it was stored.")
    quote_id = ident("The stored quote it refers to.")
    quote_at = moment("When that quote was.")
    bid = money("That quote's bid.", null=True)
    ask = money("That quote's ask.", null=True)
    last = money("That quote's last price.", null=True)
    fills = parts(Fill, "What was filled.")
    events = parts(OrderEvent, "How it moved.")


class Trade(OpenOutput):
    """One engine's trade in one experiment: the model trade, or the real one."""

    trade_id = ident("Its id.")
    experiment_id = ident("The experiment.")
    book = text("The book.")
    source = text("The source.")
    strategy = text("The strategy.")
    symbol = text("The symbol.")
    exchange = text("The exchange.")
    instrument_kind = text("What kind of instrument.")
    engine = one_of(EngineSlot, "Whose trade.")
    is_shadow = yes_no("Whether it is the model trade.")
    status = one_of(TradeStatus, "Where it stands.")
    side = one_of(Direction, "Which way.")
    quantity = money("How much.")
    lot = money("The smallest step of the quantity.")
    plan = mapping("How it is to be traded.")
    entry_at = moment("When it was opened, on the book's clock.")
    time_limit_at = moment("When it ends at the latest.")
    walk = mapping("What the exits remember of it.")
    evaluated_to = moment("Up to when its exits are evaluated.")
    denial = text("Why it was denied, as a stable code.", null=True)
    created_at = moment("When it was stored.")


class Outcome(OpenOutput):
    """How one engine's side of an experiment ended on one exit clock; a side that did not trade ends at 0."""

    outcome_id = ident("Its id.")
    experiment_id = ident("The experiment.")
    engine = one_of(EngineSlot, "Whose side.")
    trade_id = ident("Its trade, if any.", null=True)
    is_shadow = yes_no("Whether it is of the model trade.")
    exit_clock = one_of(ExitClock, "By whose exits.")
    equals_own = yes_no("Whether both clocks are the same here, by definition.")
    entry_price = money("The entry's mean price.", null=True)
    exit_price = money("The exits' mean price.", null=True)
    pnl = money("The profit or loss, fees included.")
    return_ratio = ratio("The profit or loss over the reference notional.")
    exit_reason = text("Why it ended, as a stable code.")
    entry_time = moment("When it was opened.", null=True)
    exit_time = moment("When it was closed.", null=True)
    created_at = moment("When it was stored.")


class Failure(OpenOutput):
    """A failed attempt at a stage."""

    failure_id = count("Its number.")
    signal_id = ident("The signal.")
    stage = text("The stage.")
    error = text("The error.")
    traceback_hash = text("Equal hashes have one cause.")
    attempt = count("Which attempt.")
    dead = yes_no("Whether the signal was given up then.")
    created_at = moment("When.")


class StageReached(OpenOutput):
    """A stage that the signal reached."""

    stage = count("The stage, 1 to 5.")
    written_by = ident("The lease that wrote it.")
    at = moment("When.")
