"""First schema.

Revision ID: 0001
Revises:
"""

from migrations.first_schema import experiments, signals, trades

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    # In the order of foreign keys.
    signals.create_bar_windows()
    signals.create_books()
    trades.create_paper_ledger()
    signals.create_bars()
    experiments.create_policy_versions()
    trades.create_quotes()
    signals.create_sources()
    experiments.create_studies()
    signals.create_signals()
    signals.create_webhook_events()
    experiments.create_experiments()
    signals.create_market_contexts()
    experiments.create_task_failures()
    experiments.create_decisions()
    experiments.create_execution_policies()
    trades.create_trades()
    trades.create_orders()
    trades.create_trade_outcomes()
    trades.create_fills()
    trades.create_order_events()


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
