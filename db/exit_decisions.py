"""Exit decisions: for each alert which trades it closes, stored before anything is closed, with flags and incidents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from db import exit_incidents, exit_results, open_trades
from domain import exit_matching
from domain.decision import EngineSlot
from domain.exit_matching import ClosingAlert, ExitMatch, ExitResult, OpenTrade
from domain.signal import Flag, Signal

EngineSide = tuple[UUID, EngineSlot]
OpenTrades = dict[UUID, list[OpenTrade]]
_FLAGS = {ExitResult.NOTHING_OPEN: Flag.NOTHING_OPEN, ExitResult.OUTDATED: Flag.OUTDATED}


def decide(session: Session, signals: Sequence[Signal]) -> dict[UUID, tuple[UUID, ...]]:
    """Decide which model trades each signal closes, and store it; what was decided before stays.

    The trades of an earlier signal of the batch count as closed for the later ones, even while they wait for a price.
    """
    known = exit_results.load_known(session, [signal.signal_id for signal in signals])
    undecided = [signal for signal in signals if signal.signal_id not in known]
    trades = _load_open_trades(session, undecided)
    # An entry that finds no open trade closes and misses nothing.
    alerts = exit_results.load_alerts(
        session, [signal for signal in undecided if not signal.is_entry or signal.signal_id in trades]
    )
    matches = _match_in_order(alerts, trades)
    exit_results.record(session, matches)
    exit_results.add_flags(session, _choose_flags(alerts, matches))
    for alert in alerts:
        if alert.signal.signal_id in matches:
            exit_incidents.open_about_match(session, alert, matches[alert.signal.signal_id])
    return known | {signal_id: match.closes for signal_id, match in matches.items()}


def _load_open_trades(session: Session, undecided: Sequence[Signal]) -> OpenTrades:
    """Load what each alert may close or miss: for an exit all of its source in symbols like its own.

    An entry closes trades of its own key only, and may miss real ones of others.
    """
    exits = [signal.signal_id for signal in undecided if not signal.is_entry]
    entries = [signal.signal_id for signal in undecided if signal.is_entry]
    return open_trades.load_of_source(session, exits) | open_trades.load_opposite(session, entries)


def _match_in_order(alerts: Sequence[ClosingAlert], loaded: OpenTrades) -> dict[UUID, ExitMatch]:
    """Match the alerts one after the other; entries that close and miss nothing are left out."""
    matches, closed = dict[UUID, ExitMatch](), set[EngineSide]()
    for alert in alerts:
        signal_id = alert.signal.signal_id
        trades = [_note_closed(trade, closed) for trade in loaded.get(signal_id, ())]
        match = exit_matching.match(alert, trades)
        closed |= {_side_of(trade) for trade in trades if trade.trade_id in match.closes}
        if match.closes or match.missed or not alert.signal.is_entry:
            matches[signal_id] = match
    return matches


def _side_of(trade: OpenTrade) -> EngineSide:
    """Return the engine's side of an experiment that a trade belongs to: its model trade and its real one."""
    return trade.experiment_id, trade.engine


def _note_closed(trade: OpenTrade, closed: Collection[EngineSide]) -> OpenTrade:
    """Return a trade as it is once an earlier signal of the batch has closed it."""
    if _side_of(trade) not in closed:
        return trade
    return replace(trade, can_close=False, is_closing=not trade.is_shadow)


def _choose_flags(alerts: Sequence[ClosingAlert], matches: Mapping[UUID, ExitMatch]) -> dict[UUID, str]:
    """Return the flag that each exit gets, if any."""
    flags = dict[UUID, str]()
    for signal in (alert.signal for alert in alerts if not alert.signal.is_entry):
        match = matches[signal.signal_id]
        flag = Flag.MATCHED_LOOSELY if match.is_loose else _FLAGS.get(match.result)
        if flag is not None:
            flags[signal.signal_id] = flag.value
    return flags
