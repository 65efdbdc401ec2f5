"""`orchestrator policy pause` answers quickly in an emergency: it loads nothing that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from db import policies
from db.core.session import Database
from domain.policy import Switch
from tasks import pipeline
from tests.support.pipeline import settings_for

_SLOW_TO_LOAD = [
    *("alembic", "apprise", "argon2", "celery", "cryptography", "flask", "flower", "granian", "kombu", "marshmallow"),
    *("numpy", "pandas", "redis", "scipy", "talib", "tasks", "engines", "venues.ccxt_venue", "venues.alpaca_venue"),
]
_PAUSE = f"""
import json, sys
from app.cli import cli
cli(["policy", "pause", "--book", "live", "--reason", "a test"], standalone_mode=False)
print(json.dumps([name for name in {_SLOW_TO_LOAD!r} if name in sys.modules]))
"""


def switch_of_live_book(database_url: str) -> Switch:
    database = Database(database_url, pool_size=1)
    try:
        with database.transaction() as session:
            return policies.load_current(session, ["live"])["live"].switch
    finally:
        database.dispose()


def test_pause_takes_effect_without_loading_what_is_slow_to_load(database_url: str, tmp_path: Path) -> None:
    pipeline.prepare(settings_for(database_url, "redis://127.0.0.1:1"))
    environment = os.environ | {"DATABASE_URL": database_url, "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", _PAUSE], env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    *_, confirmation, loaded = done.stdout.splitlines()
    assert confirmation.startswith("live of ")
    assert confirmation.endswith(
        "paused (v1.2): no new real entries; 0 real positions are open, 0 entry orders were on their way"
    )
    assert json.loads(loaded) == []
    assert switch_of_live_book(database_url) is Switch.PAUSED
