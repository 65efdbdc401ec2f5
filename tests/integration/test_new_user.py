"""As a new user: the first alert of a crypto chart, which carries no bar, on the defaults, through web and worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from stack.servers import ServerUrls
from tests.support.servers.processes import free_port
from tests.support.servers.simulated_venue import simulated_venue
from tests.support.servers.stacks import Stack, a_stack

REDIS_DB = 9


@contextmanager
def a_new_installation(
    server_urls: ServerUrls, template_database: str, directory: Path, *, exchange_url: str
) -> Iterator[Stack]:
    """Run web and worker with the default MARKET_DATA, whose exchanges are at `exchange_url`."""
    environ = {"MARKET_DATA": "auto", "VENUE_URL": exchange_url, "LEASE_S": "30"}
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as stack:
        stack.processes.start_worker()
        stack.start_web()
        yield stack


def send_first_alert(stack: Stack, token: str, *, price: str) -> UUID:
    """Post what TradingView sends for an indicator's alert without a bar, and wait until it is done."""
    now = datetime.now(UTC)
    message = {
        "ticker": "BINANCE:BTCUSDT",
        "action": "buy",
        "price": price,
        "interval": "60",
        "timenow": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    signal_id = stack.post(f"{stack.web_url}/webhook/{token}", message)
    stack.wait_done([signal_id])
    return signal_id


def decisions_of(stack: Stack, signal_id: UUID) -> dict[str, dict[str, Any]]:
    query = """
        SELECT engine, action, reasons FROM decisions JOIN experiments USING (experiment_id)
        WHERE signal_id = %(signal_id)s
    """
    return {row["engine"]: row for row in stack.rows(query, signal_id=signal_id)}


def context_of(stack: Stack, signal_id: UUID) -> dict[str, Any]:
    query = """
        SELECT bid, ask, quality, jsonb_array_length(document->'base'->'bars') AS bars
        FROM market_contexts JOIN bar_windows USING (window_hash) WHERE signal_id = %(signal_id)s
    """
    (row,) = stack.rows(query, signal_id=signal_id)
    return row


def list_bar_checks(stack: Stack) -> list[dict[str, Any]]:
    checks = json.loads(stack.run("doctor", "--json").stdout)["checks"]
    return [check for check in checks if check["check"] == "bars of paper"]


def write_history(path: Path) -> Path:
    """Write 300 hourly bars that have closed, of a price that wanders about 60,000."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    lines = ["timestamp,open,high,low,close,volume"]
    for number in range(300):
        opens, closes = 60_000 + 40 * (number % 7), 60_000 + 40 * ((number + 1) % 7)
        at = this_hour - timedelta(hours=300 - number)
        lines.append(f"{at.isoformat()},{opens},{max(opens, closes) + 15},{min(opens, closes) - 15},{closes},10")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_first_alert_is_decided_by_both_engines_on_the_exchanges_own_bars(
    server_urls: ServerUrls, template_database: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        simulated_venue(tmp_path_factory.mktemp("venue")) as venue,
        a_new_installation(server_urls, template_database, tmp_path, exchange_url=venue.url) as stack,
    ):
        venue.set_price("BTCUSDT", bid="60000.00", ask="60000.10")
        source = stack.asked("sources", "add", "desk")

        signal_id = send_first_alert(stack, source["token"], price="60000")

        context, decisions = context_of(stack, signal_id), decisions_of(stack, signal_id)
        assert (context["bid"], context["ask"]) == (Decimal("60000.00"), Decimal("60000.10"))
        assert (context["bars"], context["quality"]["bars"]) == (250, "live")
        assert set(decisions) == {"A", "B"}
        assert all(decision["action"] in ("ENTER", "HOLD", "REJECT") for decision in decisions.values())
        reasons = {reason for decision in decisions.values() for reason in decision["reasons"]}
        assert not [reason for reason in reasons if reason == "too_few_bars" or reason.endswith("_missing")]
        (check,) = list_bar_checks(stack)
        assert (check["ok"], check["detail"]) == (True, "BTCUSDT 1h: 200 of 200 closed bars")


def test_what_is_missing_is_said_and_one_import_cures_it_where_the_exchange_cannot_be_reached(
    server_urls: ServerUrls, template_database: str, tmp_path: Path
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with a_new_installation(server_urls, template_database, tmp_path, exchange_url=nobody) as stack:
        source = stack.asked("sources", "add", "desk")
        first = send_first_alert(stack, source["token"], price="60000")
        (missing,) = list_bar_checks(stack)
        (listed,) = (row for row in stack.asked("sources", "list") if row["name"] == "desk")

        done = stack.run("bars", "import", f"BTCUSDT={write_history(tmp_path / 'btc-1h.csv')}")
        (cured,) = list_bar_checks(stack)
        second = send_first_alert(stack, source["token"], price="60010")

        assert "too_few_bars" in decisions_of(stack, first)["A"]["reasons"]
        assert not missing["ok"]
        assert missing["detail"].startswith("BTCUSDT 1h: 0 of 200 closed bars (binance does not answer: ")
        assert "`orchestrator bars import BINANCE:BTCUSDT=FILE` adds history of 1h" in missing["detail"]
        assert (listed["bars"][0]["known"], listed["bars"][0]["needed"]) == (0, 200)
        assert done.returncode == 0, done.stderr
        assert "BTCUSDT is stored as BINANCE:BTCUSDT, spot" in done.stderr
        assert (cured["ok"], cured["detail"]) == (True, "BTCUSDT 1h: 200 of 200 closed bars")
        decisions = decisions_of(stack, second)
        assert context_of(stack, second)["bars"] == 250
        assert set(decisions) == {"A", "B"}
        assert not any("too_few_bars" in decision["reasons"] for decision in decisions.values())
