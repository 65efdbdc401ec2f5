"""The queues; a test proves that each has a worker in the Procfile."""

from __future__ import annotations

from typing import Final

PIPELINE: Final = "pipeline"
ORDERS: Final = "orders"
EXITS: Final = "exits"
MAINTENANCE: Final = "maintenance"
ALL: Final = (PIPELINE, ORDERS, EXITS, MAINTENANCE)

ROUTES: Final = {
    "stages.*": {"queue": PIPELINE},
    "orders.*": {"queue": ORDERS},
    "exits.*": {"queue": EXITS},
    "sweeps.*": {"queue": MAINTENANCE},
    "canaries.*": {"queue": MAINTENANCE},
    "notifications.*": {"queue": MAINTENANCE},
}
