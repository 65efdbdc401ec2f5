"""Output schemas of the rows in a signal's trace, one per table."""

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
from domain.context import PriceBasis
from domain.decision import EngineSlot, Verdict
from domain.exit_matching import ExitResult
from domain.money import Conversion
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Intent, OrderState, Pricing, QuoteBasis, TradeStatus

_ENGINES = ("A", "B", "BOTH", "NONE")


class ContextSchema(OpenOutputSchema):
    """The frozen market snapshot that both engines saw."""

    context_id = uuid("Unique id.")
    signal_id = uuid("Signal it was taken for.")
    timestamp = utc_time("Time of the snapshot, on the book's clock.")
    symbol = text("Symbol.")
    current_price = decimal("Current price.", null=True)
    bid = decimal("Best bid.", null=True)
    ask = decimal("Best ask.", null=True)
    volume = decimal("Volume of the newest closed bar.", null=True)
    indicators = json_object("Indicators of the closed bars, by name.")
    quality = json_object("Origin of each value, or that it is missing.")
    rest = json_object("Instrument, quote, depth and rules as the engines see them.")
    window_hash = text("Hash of the bars.")
    context_hash = text("Hash of the whole snapshot, which each decision names.")
    created_at = utc_time("Time it was stored.")
    bars = json_object("Closed bars, as compact columns.")


class AssignmentSchema(OpenOutputSchema):
    """The experiment of an entry signal: its assignment to a variant."""

    experiment_id = uuid("Unique id.")
    signal_id = uuid("Signal.")
    study_id = uuid("Study it belongs to.")
    study = text("Name of the study.")
    variant = enum_value(EngineSlot, "Engine it was assigned to.")
    assignment_hash = text("Hash that the bucket is derived from.")
    bucket = integer("Bucket, 0 to 999999.")
    split_percentage = number("Share of the buckets that are assigned to A, 0 to 1.")
    first_asked = enum_value(EngineSlot, "Engine that was asked first.")
    reference_notional = decimal("Reference notional, which returns are divided by.")
    policy_version_id = integer("Policy version in force.")
    policy_version = text("Label of that version.")
    created_at = utc_time("Time it was stored.")


class PolicySchema(OpenOutputSchema):
    """The execution policy of one experiment: the engines that trade for real, and the reason."""

    policy_id = uuid("Unique id.")
    experiment_id = uuid("Experiment.")
    execution_mode = enum_value(ExecutionMode, "Execution mode that was applied.")
    executed_engine = choice(*_ENGINES, description="Engine that trades for real.")
    shadow_engine = choice(*_ENGINES, description="Engine that trades in shadow only.")
    allocations = json_object("Share of its own quantity that each real engine may trade, as decimal strings.")
    reason = text("Reason, as a stable code.")
    policy_version = text("Label of the policy version in force.")
    created_at = utc_time("Time it was stored.")


class DecisionSchema(OpenOutputSchema):
    """The decision of an engine, unmodified."""

    decision_id = uuid("Unique id.")
    experiment_id = uuid("Experiment.")
    engine = enum_value(EngineSlot, "Engine.")
    engine_name = text("Name that the engine gives itself.")
    engine_version = text("Version of the engine.")
    context_hash = text("Hash of the snapshot it saw.")
    action = enum_value(Verdict, "Verdict.")
    side = enum_value(Direction, "Direction of the entry.", null=True)
    quantity = decimal("Quantity of the entry.", null=True)
    stop = decimal("Stop price.", null=True)
    plan = json_object("Plan of the trade: stop, targets, trailing stop, time limit.", null=True)
    confidence = number("Confidence, 0 to 100.", null=True)
    reasons = text_list("Reasons, as codes.")
    rationale = json_object("Reasons as the engine wrote them.")
    latency_ms = number("Duration of the answer in milliseconds.")
    error = text("Error.", null=True)
    created_at = utc_time("Time it was stored.")


class FillSchema(OpenOutputSchema):
    """A fill of an order."""

    fill_id = uuid("Unique id.")
    order_id = uuid("Order.")
    trade_id = uuid("Trade.")
    exit_clock = enum_value(Clock, "Exit clock it counts on.")
    intent = enum_value(Intent, "Entry or exit.")
    venue = text("Venue.")
    venue_fill_id = text("Id at the venue.")
    side = choice("buy", "sell", description="Side.")
    quantity = decimal("Quantity.")
    price = decimal("Price.")
    fee = decimal("Fee.")
    filled_at = utc_time("Time.")
    quote_id = uuid("Stored quote it refers to.")
    quote_basis = enum_value(QuoteBasis, "Basis of its price: observed or modelled.")
    price_basis = enum_value(PriceBasis, "Origin of its price: live quote, alert, open or close of a bar, level.")
    fill_model = text("Version of the fill model.")
    currency = text("Currency of price and fee.")
    rate = decimal("Worth of one unit of it in the currency of the book.")


class OrderEventSchema(OpenOutputSchema):
    """A transition of an order from one state to another."""

    event_id = integer("Number in order of time.")
    order_id = uuid("Order.")
    from_state = enum_value(OrderState, "State before.", null=True)
    to_state = enum_value(OrderState, "State after.")
    detail = text("Detail, such as the venue's message.", null=True)
    at = utc_time("Time.")


class OrderSchema(OpenOutputSchema):
    """An order of a trade, on one exit clock, with its fills and transitions."""

    order_id = uuid("Unique id.")
    client_order_id = text("Client order id, as the venue knows it.")
    book = text("Book.")
    trade_id = uuid("Trade.")
    engine = enum_value(EngineSlot, "Engine of the trade.")
    is_shadow = boolean("True for the model trade, false for the real one.")
    intent = enum_value(Intent, "Entry or exit.")
    exit_clock = enum_value(Clock, "Exit clock it counts on.")
    leg = integer("0 for the entry, then 1, 2, ... for the exits.")
    attempt = integer("Number of the attempt, from 1.")
    side = choice("buy", "sell", description="Side.")
    quantity = decimal("Quantity.")
    fraction = number("Fraction of the opening quantity, 0 to 1.")
    pricing = enum_value(Pricing, "Market or limit.")
    reason = text("Reason, as a stable code.")
    is_final = boolean("True when it closes the rest of the trade.")
    venue = text("Venue.")
    state = enum_value(OrderState, "Current state.")
    account = text("Account at the venue.")
    venue_order_id = text("Id at the venue.", null=True)
    not_after = utc_time("Time until which it may reach the venue.", null=True)
    checks = integer("Number of look-ups at the venue.")
    next_check_at = utc_time("Time of the next look-up.")
    created_at = utc_time("Time it was stored.")
    quote_id = uuid("Stored quote it refers to.")
    quote_at = utc_time("Time of that quote.")
    bid = decimal("Bid of that quote.", null=True)
    ask = decimal("Ask of that quote.", null=True)
    last = decimal("Last price of that quote.", null=True)
    fills = nested_list(FillSchema, "Fills.")
    events = nested_list(OrderEventSchema, "State transitions.")


class TradeSchema(OpenOutputSchema):
    """The model trade or the real trade of one engine in one experiment."""

    trade_id = uuid("Unique id.")
    experiment_id = uuid("Experiment.")
    book = text("Book.")
    source = text("Source.")
    strategy = text("Strategy.")
    symbol = text("Symbol.")
    exchange = text("Exchange.")
    instrument_kind = text("Kind of instrument.")
    engine = enum_value(EngineSlot, "Engine of the trade.")
    is_shadow = boolean("True for the model trade, false for the real one.")
    status = enum_value(TradeStatus, "Current state.")
    side = enum_value(Direction, "Direction.")
    quantity = decimal("Quantity.")
    lot = decimal("Smallest step of the quantity.")
    plan = json_object("Plan: stop, targets, trailing stop, time limit.")
    entry_at = utc_time("Time of the entry, on the book's clock.")
    time_limit_at = utc_time("Time limit of the trade.")
    walk = json_object("State of the exit evaluation: stop, remaining fraction, targets hit.")
    evaluated_to = utc_time("Time up to which its exits are evaluated.")
    denial = text("Reason of a denial, as a stable code.", null=True)
    fill_by = utc_time("Until when a pending trade waits for the price of its entry.", null=True)
    currency = text("Currency of its prices.")
    multiplier = decimal("Worth of a move of the price by 1, for one unit.", null=True)
    conversion = enum_value(Conversion, "Source of the rate to the currency of its book.")
    rate = decimal("Rate at the entry, to the currency of its book.", null=True)
    close_requested_at = utc_time("Time at which a person asked to close it.", null=True)
    created_at = utc_time("Time it was stored.")


class OutcomeSchema(OpenOutputSchema):
    """The outcome of one engine in one experiment on one exit clock; an engine that did not trade has a return of 0."""

    outcome_id = uuid("Unique id.")
    experiment_id = uuid("Experiment.")
    engine = enum_value(EngineSlot, "Engine.")
    trade_id = uuid("Trade, if there is one.", null=True)
    is_shadow = boolean("True for the model trade, false for the real one.")
    exit_clock = enum_value(ExitClock, "Exit clock.")
    equals_own = boolean("True when both exit clocks are equal by definition.")
    entry_price = decimal("Mean entry price.", null=True)
    exit_price = decimal("Mean exit price.", null=True)
    pnl = decimal("Profit or loss after fees and the cost of holding.")
    holding_cost = decimal("Funding or swap of the time it was held, in it.")
    return_ratio = number("Profit or loss divided by the reference notional.")
    exit_reason = text("Reason of the end, as a stable code.")
    entry_time = utc_time("Time of the entry.", null=True)
    exit_time = utc_time("Time of the exit.", null=True)
    created_at = utc_time("Time it was stored.")


class FailureSchema(OpenOutputSchema):
    """A failed attempt at a stage."""

    failure_id = integer("Number in order of time.")
    signal_id = uuid("Signal.")
    stage = text("Stage.")
    error = text("Error.")
    traceback_hash = text("Hash of the traceback; equal hashes have the same cause.")
    attempt = integer("Number of the attempt.")
    dead = boolean("True when the signal was given up after it.")
    created_at = utc_time("Time.")


class StageReachedSchema(OpenOutputSchema):
    """A stage that the signal reached."""

    stage = integer("Stage, 1 to 5.")
    written_by = uuid("Token of the lease under which it was written.")
    at = utc_time("Time.")


class ExitResultSchema(OpenOutputSchema):
    """What became of an alert that closes a side."""

    signal_id = uuid("Signal.")
    result = enum_value(ExitResult, "What became of it.")
    trade_ids = text_list("Model trades that it closes; their real trades follow.")
    differs = text_list("Fields in which a loosely matched alert differs from the trades it closes.")
    decided_at = utc_time("Time it was decided.")
    waits_since = utc_time("Time since which it waits for a price.", null=True)
    settled_at = utc_time("Time at which nothing was left to close.", null=True)
