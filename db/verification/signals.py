"""Rules about signals: each is finished or due, and belongs to one book with all that follows from it."""

from __future__ import annotations

from db.core import states
from db.verification.rule import QueryRule, VerificationRule

RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "signals_accounted",
        "every accepted signal is terminal, leased, or due for the sweep",
        f"""
        SELECT signal_id AS id FROM signals
        WHERE status = 'open' AND (stage = {states.OUTCOME_RECORDED}
              OR lock_expires_at > clock_timestamp() + interval '1 day'
              OR (processing_lock IS NULL AND next_attempt_at > clock_timestamp() + interval '1 day'))
        """,
    ),
    QueryRule(
        "an_alert_is_stored_once",
        "no two signals of a book and source are the same alert",
        """
        SELECT min(signal_id::text) AS id FROM signals GROUP BY book, source, signal_hash HAVING count(*) > 1
        """,
    ),
    QueryRule(
        "stages_are_written_by_the_owner",
        "what a stage recorded was written by the chain that owned the signal then",
        "SELECT signal_id AS id FROM signal_events WHERE written_by IS DISTINCT FROM owned_by",
    ),
    QueryRule(
        "processed_is_finished",
        "a processed signal is done, at the last stage, and nobody holds it",
        f"""
        SELECT signal_id AS id FROM signals
        WHERE processed <> (status = 'done')
           OR (processed AND (stage <> {states.OUTCOME_RECORDED} OR processing_lock IS NOT NULL
                              OR lock_expires_at IS NOT NULL))
        """,
    ),
    QueryRule(
        "dead_has_letter",
        "a signal that was given up has a dead letter",
        """
        SELECT signal_id AS id FROM signals WHERE status = 'dead'
          AND NOT EXISTS (SELECT FROM task_failures f WHERE f.signal_id = signals.signal_id AND f.dead)
        """,
    ),
    QueryRule(
        "books_agree",
        "a signal, its study, policy, trades, orders and quotes belong to one book",
        """
        SELECT s.signal_id AS id FROM signals s JOIN experiments e USING (signal_id)
            JOIN studies t USING (study_id) JOIN policy_versions v USING (policy_version_id)
        WHERE s.book <> t.book OR s.book <> v.book
        UNION SELECT s.signal_id FROM trades t JOIN experiments USING (experiment_id) JOIN signals s USING (signal_id)
        WHERE s.book <> t.book
        UNION SELECT o.order_id FROM orders o JOIN trades t USING (trade_id) JOIN quotes q USING (quote_id)
        WHERE o.book <> t.book OR o.book <> q.book
        """,
    ),
    QueryRule(
        "test_and_replay_never_live",
        "only the live book reaches a real venue, and a test signal is in no live or paper book",
        """
        SELECT order_id AS id FROM orders JOIN books USING (book)
        WHERE venue NOT IN ('model', 'paper') AND kind <> 'live'
        UNION SELECT signal_id FROM signals WHERE is_test AND book IN ('live', 'paper')
        """,
    ),
)
