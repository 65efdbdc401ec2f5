"""What the API shows of what was stored about a signal: one schema per table."""

from __future__ import annotations

from app.api.fields import (
    OpenOutputSchema,
    boolean,
    choice,
    decimal,
    enum_value,
    integer,
    json_object,
    nested_list,
    number,
    text,
    text_list,
    utc_time,
    uuid,
)
from domain.decision import EngineSlot, Verdict
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Intent, OrderState, Pricing, QuoteBasis, TradeStatus

_ENGINES = ("A", "B", "BOTH", "NONE")


class ContextSchema(OpenOutputSchema):
    """The frozen market snapshot that both engines saw."""

    context_id = uuid("Its id.")
    signal_id = uuid("The signal it was taken for.")
    timestamp = utc_time("As of when, on the book's clock.")
    symbol = text("The symbol.")
    current_price = decimal("The price both engines saw.", null=True)
    bid = decimal("The best bid.", null=True)
    ask = decimal("The best ask.", null=True)
    volume = decimal("The volume of the newest closed bar.", null=True)
    indicators = json_object("Indicators of the closed bars, by name.")
    quality = json_object("Where each value came from, or that it is missing.")
    rest = json_object("What else the engines are shown.")
    window_hash = text("The hash of the bars.")
    context_hash = text("The hash of the whole snapshot; each decision names the one it saw.")
    created_at = utc_time("When it was stored.")
    bars = json_object("The closed bars, compact.")


class AssignmentSchema(OpenOutputSchema):
    """The experiment: which variant the signal was given, and by what."""

    experiment_id = uuid("Its id.")
    signal_id = uuid("The signal.")
    study_id = uuid("The study it belongs to.")
    study = text("That study's name.")
    variant = enum_value(EngineSlot, "The engine it was assigned to.")
    assignment_hash = text("The hash that the bucket is taken from.")
    bucket = integer("The bucket, 0 to 999999.")
    split_percentage = number("The share of buckets that are A, 0 to 1.")
    first_asked = enum_value(EngineSlot, "The engine that was asked first.")
    reference_notional = decimal("What returns are divided by.")
    policy_version_id = integer("The policy version in force.")
    policy_version = text("That version's label.")
    created_at = utc_time("When it was stored.")


class PolicySchema(OpenOutputSchema):
    """Who may trade one experiment for real, and why."""

    policy_id = uuid("Its id.")
    experiment_id = uuid("The experiment.")
    execution_mode = enum_value(ExecutionMode, "The mode that was applied.")
    executed_engine = choice(*_ENGINES, description="Who trades for real.")
    shadow_engine = choice(*_ENGINES, description="Who trades in shadow only.")
    allocations = json_object("The share of its own quantity that each real engine may trade, as decimal strings.")
    reason = text("Why, as a stable code.")
    policy_version = text("The label of the version in force.")
    created_at = utc_time("When it was stored.")


class DecisionSchema(OpenOutputSchema):
    """What an engine said, unmodified."""

    decision_id = uuid("Its id.")
    experiment_id = uuid("The experiment.")
    engine = enum_value(EngineSlot, "Which engine.")
    engine_name = text("What the engine calls itself.")
    engine_version = text("Its version.")
    context_hash = text("The snapshot it saw.")
    action = enum_value(Verdict, "What it answered.")
    side = enum_value(Direction, "Which way it enters.", null=True)
    quantity = decimal("How much it wants.", null=True)
    stop = decimal("Its stop.", null=True)
    plan = json_object("How it wants to be traded.", null=True)
    confidence = number("How sure it is, 0 to 100.", null=True)
    reasons = text_list("Its reasons, as codes.")
    rationale = json_object("Its reasons, in its own words.")
    latency_ms = number("How long it took, in milliseconds.")
    error = text("What went wrong.", null=True)
    created_at = utc_time("When it was stored.")


class FillSchema(OpenOutputSchema):
    """What was traded, at which price, on which stored quote."""

    fill_id = uuid("Its id.")
    order_id = uuid("The order.")
    trade_id = uuid("The trade.")
    exit_clock = enum_value(Clock, "The exit clock it counts on.")
    intent = enum_value(Intent, "Whether it opens or reduces.")
    venue = text("Where.")
    venue_fill_id = text("The venue's id of it.")
    side = choice("buy", "sell", description="Bought or sold.")
    quantity = decimal("How much.")
    price = decimal("At which price.")
    fee = decimal("What it cost.")
    filled_at = utc_time("When.")
    quote_id = uuid("The stored quote it refers to.")
    quote_basis = enum_value(QuoteBasis, "Whether its price was observed or modelled.")
    fill_model = text("The version of the fill model.")


class OrderEventSchema(OpenOutputSchema):
    """A move of an order from one state to another."""

    event_id = integer("Its number.")
    order_id = uuid("The order.")
    from_state = enum_value(OrderState, "The state before.", null=True)
    to_state = enum_value(OrderState, "The state after.")
    detail = text("What was said about it.", null=True)
    at = utc_time("When.")


class OrderSchema(OpenOutputSchema):
    """An order of a trade, on one exit clock, with its fills and its moves."""

    order_id = uuid("Its id.")
    client_order_id = text("The id it has at the venue.")
    book = text("The book.")
    trade_id = uuid("The trade.")
    engine = enum_value(EngineSlot, "Whose trade.")
    is_shadow = boolean("Whether it is of the model trade.")
    intent = enum_value(Intent, "Whether it opens or reduces.")
    exit_clock = enum_value(Clock, "The exit clock it counts on.")
    leg = integer("0 for the entry, then one number per exit.")
    attempt = integer("Which attempt, from 1.")
    side = choice("buy", "sell", description="To buy or to sell.")
    quantity = decimal("How much.")
    fraction = number("The fraction of the opening quantity, 0 to 1.")
    pricing = enum_value(Pricing, "At the market or at its limit.")
    reason = text("Why, as a stable code.")
    is_final = boolean("Whether nothing is left after it.")
    venue = text("Where.")
    state = enum_value(OrderState, "Where it stands.")
    account = text("The account at the venue.")
    venue_order_id = text("The venue's id of it.", null=True)
    not_after = utc_time("Until when it may reach the venue.", null=True)
    checks = integer("How often it was looked up.")
    next_check_at = utc_time("When it is looked at again.")
    created_at = utc_time("When it was stored.")
    quote_id = uuid("The stored quote it refers to.")
    quote_at = utc_time("When that quote was.")
    bid = decimal("That quote's bid.", null=True)
    ask = decimal("That quote's ask.", null=True)
    last = decimal("That quote's last price.", null=True)
    fills = nested_list(FillSchema, "What was filled.")
    events = nested_list(OrderEventSchema, "How it moved.")


class TradeSchema(OpenOutputSchema):
    """One engine's trade in one experiment: the model trade, or the real one."""

    trade_id = uuid("Its id.")
    experiment_id = uuid("The experiment.")
    book = text("The book.")
    source = text("The source.")
    strategy = text("The strategy.")
    symbol = text("The symbol.")
    exchange = text("The exchange.")
    instrument_kind = text("What kind of instrument.")
    engine = enum_value(EngineSlot, "Whose trade.")
    is_shadow = boolean("Whether it is the model trade.")
    status = enum_value(TradeStatus, "Where it stands.")
    side = enum_value(Direction, "Which way.")
    quantity = decimal("How much.")
    lot = decimal("The smallest step of the quantity.")
    plan = json_object("How it is to be traded.")
    entry_at = utc_time("When it was opened, on the book's clock.")
    time_limit_at = utc_time("When it ends at the latest.")
    walk = json_object("What the exits remember of it.")
    evaluated_to = utc_time("Up to when its exits are evaluated.")
    denial = text("Why it was denied, as a stable code.", null=True)
    created_at = utc_time("When it was stored.")


class OutcomeSchema(OpenOutputSchema):
    """How one engine's side of an experiment ended on one exit clock; a side that did not trade ends at 0."""

    outcome_id = uuid("Its id.")
    experiment_id = uuid("The experiment.")
    engine = enum_value(EngineSlot, "Whose side.")
    trade_id = uuid("Its trade, if any.", null=True)
    is_shadow = boolean("Whether it is of the model trade.")
    exit_clock = enum_value(ExitClock, "By whose exits.")
    equals_own = boolean("Whether both clocks are the same here, by definition.")
    entry_price = decimal("The entry's mean price.", null=True)
    exit_price = decimal("The exits' mean price.", null=True)
    pnl = decimal("The profit or loss, fees included.")
    return_ratio = number("The profit or loss over the reference notional.")
    exit_reason = text("Why it ended, as a stable code.")
    entry_time = utc_time("When it was opened.", null=True)
    exit_time = utc_time("When it was closed.", null=True)
    created_at = utc_time("When it was stored.")


class FailureSchema(OpenOutputSchema):
    """A failed attempt at a stage."""

    failure_id = integer("Its number.")
    signal_id = uuid("The signal.")
    stage = text("The stage.")
    error = text("The error.")
    traceback_hash = text("Equal hashes have one cause.")
    attempt = integer("Which attempt.")
    dead = boolean("Whether the signal was given up then.")
    created_at = utc_time("When.")


class StageReachedSchema(OpenOutputSchema):
    """A stage that the signal reached."""

    stage = integer("The stage, 1 to 5.")
    written_by = uuid("The lease that wrote it.")
    at = utc_time("When.")
