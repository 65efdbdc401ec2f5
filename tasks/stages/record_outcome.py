"""Stage 5: submit the real orders, record the results that are final, and finish the signals."""

from __future__ import annotations

from db import orders, outcomes, signals
from domain.signal import Stage
from domain.trade import experiment_id_for
from tasks import exit_settlement, order_submission
from tasks.base_task import StageBatch, stage_task
from tasks.parts import Parts
from tasks.stages import log_events


@stage_task(Stage.OUTCOME_RECORDED)
def record_outcome(parts: Parts, batch: StageBatch) -> int:
    """Submit the real orders of the entries, record the results that are final, and finish the signals."""
    with parts.transaction() as session:
        owned = batch.claim(session)
        experiment_ids = [experiment_id_for(signal.signal_id) for signal in owned if signal.is_entry]
        order_ids = orders.list_pending_entries(session, experiment_ids)
    order_submission.submit(parts, order_ids)
    exit_settlement.send_exits_of_lagging_trades(parts, experiment_ids)
    with parts.transaction() as session:
        kept = batch.select_still_owned(session, [signal.signal_id for signal in owned])
        outcomes.record_zeros(session, outcomes.load_sides_without_trade(session, experiment_ids))
        signals.finish(session, kept, lease=batch.lease)
    log_events.log_processed_signals(owned, kept)
    return len(kept)
