"""Rules about pairs: each entry signal has one snapshot, one experiment, one policy, and a decision of each engine."""

from __future__ import annotations

from db.core import states
from db.verification.rule import QueryRule, VerificationRule

RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "one_context_per_signal",
        "an entry signal has one market context, any other at most one",
        f"""
        SELECT s.signal_id AS id FROM signals s LEFT JOIN market_contexts c USING (signal_id)
        GROUP BY s.signal_id, s.action, s.stage
        HAVING count(c.context_id) > 1
            OR (count(c.context_id) = 0 AND s.action = 'entry' AND s.stage >= {states.CONTEXT_CAPTURED})
        """,
    ),
    QueryRule(
        "one_experiment",
        "an entry signal has one experiment and names it, an exit signal has none",
        f"""
        SELECT s.signal_id AS id FROM signals s LEFT JOIN experiments e USING (signal_id)
        GROUP BY s.signal_id, s.action, s.stage
        HAVING count(e.experiment_id) > 1
            OR (count(e.experiment_id) = 0 AND s.action = 'entry' AND s.stage >= {states.VARIANT_ASSIGNED})
            OR (count(e.experiment_id) > 0 AND s.action = 'exit')
        UNION SELECT s.signal_id FROM signals s JOIN experiments e USING (signal_id)
        WHERE s.experiment_id <> e.experiment_id OR (s.experiment_id IS NULL AND s.processed)
        """,
    ),
    QueryRule(
        "one_policy",
        "an experiment has one resolved policy",
        f"""
        SELECT e.experiment_id AS id FROM experiments e LEFT JOIN execution_policies p USING (experiment_id)
            JOIN signals s USING (signal_id)
        GROUP BY e.experiment_id, s.stage
        HAVING count(p.policy_id) > 1 OR (count(p.policy_id) = 0 AND s.stage >= {states.POLICY_RESOLVED})
        """,
    ),
    QueryRule(
        "policy_version_agrees",
        "an experiment and its policy name the version that was in force",
        """
        SELECT e.experiment_id AS id FROM experiments e JOIN policy_versions v USING (policy_version_id)
            LEFT JOIN execution_policies p USING (experiment_id)
        WHERE e.policy_version <> v.label OR p.policy_version <> v.label
        """,
    ),
    QueryRule(
        "decisions_share_context_hash",
        "both decisions of an experiment name the hash of its stored snapshot",
        """
        SELECT d.experiment_id AS id FROM decisions d JOIN experiments e USING (experiment_id)
            JOIN market_contexts c USING (signal_id)
        WHERE d.context_hash <> c.context_hash
        """,
    ),
    QueryRule(
        "both_decisions_present",
        "an experiment whose engines were asked has one decision of each",
        f"""
        SELECT e.experiment_id AS id FROM experiments e LEFT JOIN decisions d USING (experiment_id)
            JOIN signals s USING (signal_id)
        GROUP BY e.experiment_id, s.stage
        HAVING count(d.engine) <> count(DISTINCT d.engine)
            OR (s.stage >= {states.DISPATCHED} AND count(DISTINCT d.engine) <> 2)
        """,
    ),
    QueryRule(
        "enter_has_trade_or_denial",
        "every ENTER, of either engine and in every mode, has its model trade or the reason why not",
        f"""
        SELECT d.decision_id AS id FROM decisions d JOIN experiments USING (experiment_id)
            JOIN signals s USING (signal_id)
        WHERE d.action = 'ENTER' AND s.stage >= {states.DISPATCHED} AND NOT EXISTS (
            SELECT FROM trades t WHERE t.experiment_id = d.experiment_id AND t.engine = d.engine AND t.is_shadow)
        """,
    ),
    QueryRule(
        "allowed_real_has_trade_or_denial",
        "an ENTER that the policy allowed to trade for real has its real trade or the reason why not",
        f"""
        SELECT d.decision_id AS id FROM decisions d JOIN execution_policies p USING (experiment_id)
            JOIN experiments USING (experiment_id) JOIN signals s USING (signal_id)
        WHERE d.action = 'ENTER' AND s.stage >= {states.DISPATCHED} AND p.executed_engine IN (d.engine, 'BOTH')
          AND NOT EXISTS (
            SELECT FROM trades t WHERE t.experiment_id = d.experiment_id AND t.engine = d.engine AND NOT t.is_shadow)
        """,
    ),
    QueryRule(
        "sides_end_or_trade",
        "in a finished experiment each engine has a model trade, or ended with 0 on both exit clocks",
        """
        SELECT e.experiment_id AS id FROM experiments e JOIN signals s USING (signal_id)
            CROSS JOIN (VALUES ('A'), ('B')) AS slots(engine)
        WHERE s.processed AND NOT EXISTS (
            SELECT FROM trades t WHERE t.experiment_id = e.experiment_id AND t.engine = slots.engine AND t.is_shadow
              AND t.status <> 'denied')
          AND 2 <> (SELECT count(*) FROM trade_outcomes o WHERE o.experiment_id = e.experiment_id
                    AND o.engine = slots.engine AND o.is_shadow AND o.entry_price IS NULL)
        """,
    ),
)
