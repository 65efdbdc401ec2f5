"""Which addresses are public, and which hosts an allow-list names."""

from __future__ import annotations

import pytest

from engines.addresses import Endpoint, is_public


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::1",
    ],
)
def test_an_address_of_a_network_of_ones_own_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "entry", "is_named"),
    [
        ("http://engine.local/decide", "engine.local", True),
        ("http://ENGINE.local/decide", "engine.local", True),
        ("http://engine.local/decide", "engine.local:80", True),
        ("https://engine.local/decide", "engine.local:443", True),
        ("https://engine.local/decide", "engine.local:80", False),
        ("http://engine.local:9000", "engine.local", True),
        ("http://not-engine.local", "engine.local", False),
        ("http://engine.local.evil.example", "engine.local", False),
        ("http://[::1]:9000/", "[::1]:9000", True),
        ("http://[::1]:9000/", "[::1]", True),
    ],
)
def test_an_entry_names_a_host_and_perhaps_its_port(url: str, entry: str, is_named: bool) -> None:
    assert Endpoint.parse(url).is_among([entry]) is is_named


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://host", "host", "/"),
        ("https://host:443/a?b=c", "host", "/a?b=c"),
        ("http://[::1]:9000/a", "[::1]:9000", "/a"),
    ],
)
def test_a_url_is_taken_apart(url: str, authority: str, target: str) -> None:
    endpoint = Endpoint.parse(url)

    assert (endpoint.authority, endpoint.target) == (authority, target)


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://user@host", "http://host/#x", "http://host:0x/"])
def test_what_is_no_such_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Endpoint.parse(url)
