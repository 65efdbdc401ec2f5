"""Where a request came from, behind any number of proxies, and who is on the list."""

from __future__ import annotations

import pytest

from app.web import allowed_senders
from config import settings as configuration
from config.parsers import TRADINGVIEW_ADDRESSES
from config.values import SettingInvalid


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, "192.0.2.1"),
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, None, "None"),
        (2, "198.51.100.1", "None"),
        (1, "unknown", "None"),
    ],
)
def test_the_address_is_what_our_outermost_proxy_saw(proxies: int, forwarded: str | None, expected: str) -> None:
    environ = {"REMOTE_ADDR": "192.0.2.1"} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {})

    assert str(allowed_senders.client_address(environ, trusted_proxies=proxies)) == expected


@pytest.mark.parametrize(
    ("listed", "address", "allowed"),
    [
        (None, "192.0.2.1", True),
        ("tradingview", TRADINGVIEW_ADDRESSES[0], True),
        ("tradingview", "192.0.2.1", False),
        ("10.0.0.0/8, 192.0.2.1", "192.0.2.1", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "", False),
        ("2001:db8::/32", "2001:db8::1", True),
    ],
)
def test_who_is_on_the_list_may_send(listed: str | None, address: str, allowed: bool) -> None:
    given = {"SENDER_ADDRESSES": listed, "TRUSTED_PROXIES": "0"} if listed is not None else {}
    networks = configuration.load(given).sender_addresses

    assert allowed_senders.make_sender_check(networks, trusted_proxies=0)({"REMOTE_ADDR": address}) is allowed


def test_a_list_without_a_count_of_proxies_stops_the_start() -> None:
    with pytest.raises(SettingInvalid, match="how many proxies of yours"):
        configuration.load({"SENDER_ADDRESSES": "tradingview"})
