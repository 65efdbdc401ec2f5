"""The table of venues: its names, the settings that accept them, and the modules that it names."""

from __future__ import annotations

import pytest

from config import settings
from config.values import SettingInvalid
from venues import catalogue, libraries
from venues.catalogue import VENUE_KINDS, VenueKind

SETTINGS = {"DATABASE_URL": "postgresql://u@localhost/d", "REDIS_URL": "redis://localhost:6379/0"}
REMOTE_KINDS = [kind for kind in VENUE_KINDS if kind.library is not None]


def test_accounts_can_be_opened_at_remote_venues_only() -> None:
    assert catalogue.account_venue_names() == ("alpaca", "alpaca:paper")


@pytest.mark.parametrize("name", ["paper", "ccxt:binance", *catalogue.account_venue_names()])
def test_the_setting_accepts_every_broker_of_the_table(name: str) -> None:
    assert settings.load({**SETTINGS, "BROKER": name}).broker == name


@pytest.mark.parametrize("name", ["auto", "alert", "ccxt:binance", "alpaca"])
def test_the_setting_accepts_every_market_data_provider_of_the_table(name: str) -> None:
    assert settings.load({**SETTINGS, "MARKET_DATA": name}).market_data == name


def test_a_kind_that_is_not_in_the_table_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingInvalid, match=r"one of paper, auto, alert, alpaca, ccxt$"):
        catalogue.find_venue("BROKER", "elsewhere")


@pytest.mark.parametrize("kind", REMOTE_KINDS, ids=lambda kind: kind.name)
def test_the_modules_that_the_table_names_make_brokers_and_market_data(kind: VenueKind) -> None:
    assert kind.broker_module is not None
    assert kind.market_data_module is not None

    assert callable(libraries.import_quietly(kind.broker_module).make_broker)
    assert callable(libraries.import_quietly(kind.market_data_module).make_market_data)
