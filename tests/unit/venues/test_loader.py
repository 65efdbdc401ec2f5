"""Venues by name: what is missing stops the start and names the variable."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

from config.values import Secret, SettingInvalid
from domain.ports import MarketData
from venues import catalogue, loader
from venues.remote import RemoteBroker

KEYS = {"key": Secret(hidden="k"), "secret": Secret(hidden="s")}
NO_KEYS: dict[str, Secret | None] = {"key": None, "secret": None}


class WallClock:
    """A clock of the present."""

    def now(self, book: str) -> datetime:
        return datetime.now(UTC)


def a_broker(name: str, **changes: Secret | None) -> RemoteBroker | None:
    return loader.make_broker(name, **{**KEYS, **changes}, url=None)


def data(name: str, keys: dict[str, Secret | None]) -> MarketData | None:
    return loader.make_market_data(name, **keys, url=None, clock=WallClock())


def test_the_paper_venue_and_alerts_need_no_venue() -> None:
    assert loader.make_broker("paper", **NO_KEYS, url=None) is None
    assert data("alert", NO_KEYS) is None


@pytest.mark.parametrize(
    ("name", "order_venue", "shorts", "finds"),
    [
        ("ccxt:binance", "binance", False, True),
        ("ccxt:kraken", "kraken", False, False),
        ("alpaca", "alpaca", True, True),
        ("alpaca:paper", "alpaca", True, True),
    ],
)
def test_a_broker_declares_what_its_venue_can_do(name: str, order_venue: str, shorts: bool, finds: bool) -> None:
    broker = a_broker(name)

    assert broker is not None
    assert broker.name == order_venue
    assert (broker.traits.can_short, broker.traits.finds_orders) == (shorts, finds)
    assert broker.traits.settle_s > 0


@pytest.mark.parametrize("name", ["ccxt:binance", "alpaca"])
@pytest.mark.parametrize(("missing", "variable"), [("key", "BROKER_KEY"), ("secret", "BROKER_SECRET")])
def test_a_missing_key_names_its_variable(name: str, missing: str, variable: str) -> None:
    with pytest.raises(SettingInvalid, match=variable):
        a_broker(name, **{missing: None})


def test_an_exchange_needs_no_key_for_its_prices_and_alpaca_does() -> None:
    assert data("ccxt:binance", NO_KEYS) is not None
    with pytest.raises(SettingInvalid, match="BROKER_KEY"):
        data("alpaca", NO_KEYS)


def test_an_exchange_that_is_not_known_names_its_variable() -> None:
    with pytest.raises(SettingInvalid, match="BROKER='ccxt:nowhere'"):
        a_broker("ccxt:nowhere")
    with pytest.raises(SettingInvalid, match="MARKET_DATA='ccxt:nowhere'"):
        data("ccxt:nowhere", NO_KEYS)


@pytest.mark.parametrize(
    ("name", "module", "package"), [("ccxt:binance", "ccxt", "ccxt"), ("alpaca", "alpaca", "alpaca-py")]
)
def test_a_missing_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    expected = (
        f"it needs {package}, which is not installed: make install-venues in the checkout, or pip install {package}$"
    )
    with pytest.raises(SettingInvalid, match=f"^BROKER='{name}'.*{expected}"):
        a_broker(name)
    with pytest.raises(SettingInvalid, match=f"^MARKET_DATA='{name}'.*{expected}"):
        data(name, {**KEYS})
    with pytest.raises(SettingInvalid, match=f"^MARKET_DATA='{name}'.*{expected}"):
        loader.preload(broker="paper", market_data=name)


def test_a_library_that_cannot_be_imported_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ccxt", raising=False)
    monkeypatch.setitem(sys.modules, "ccxt.base", None)

    with pytest.raises(SettingInvalid, match=r"BROKER='ccxt:binance'.*: ccxt cannot be imported: import of ccxt\.base"):
        loader.check_venue("BROKER", "ccxt:binance")


@pytest.mark.parametrize(
    ("name", "order_venue"),
    [("paper", "paper"), ("ccxt:binance", "binance"), ("alpaca", "alpaca"), ("alpaca:paper", "alpaca")],
)
def test_a_venue_is_called_by_orders_as_its_broker_calls_itself(name: str, order_venue: str) -> None:
    broker = a_broker(name)

    assert catalogue.order_venue_name(name) == order_venue
    assert broker is None or broker.name == order_venue


def test_a_venue_is_checked_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("paper", "ccxt:binance", "alpaca"):
        loader.check_venue("BROKER", name)

    with pytest.raises(SettingInvalid, match="--venue='ccxt:nowhere'"):
        loader.check_venue("--venue", "ccxt:nowhere")
    monkeypatch.setitem(sys.modules, "alpaca", None)
    with pytest.raises(SettingInvalid, match="alpaca-py, which is not installed"):
        loader.check_venue("BROKER", "alpaca")


def test_a_worker_is_refused_an_exchange_that_is_not_known() -> None:
    loader.preload(broker="ccxt:binance", market_data="alpaca")

    with pytest.raises(SettingInvalid, match="MARKET_DATA='ccxt:nowhere'"):
        loader.preload(broker="paper", market_data="ccxt:nowhere")
