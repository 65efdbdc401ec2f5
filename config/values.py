"""What a setting may be: each function takes a name and a text, and returns the value or says what would be right."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from config import urls
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode

Network = IPv4Network | IPv6Network
TRADINGVIEW = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
BUILT_IN_ENGINES = ("rules", "committee")
_BROKERS = ("redis", "rediss", "redis+socket", "unix", "sentinel", "amqp", "amqps")


class SettingInvalid(ValueError):
    """An environment variable has a value that is not allowed; the message names it, the value and what is."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not allowed: {allowed}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that shows itself to nobody who prints it; `reveal` gives it to whoever needs it."""

    hidden: str = field(repr=False)

    def __str__(self) -> str:
        return "…"

    def reveal(self) -> str:
        """Return the value itself."""
        return self.hidden


def host(name: str, value: str) -> str:
    """Take an address to listen on."""
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", value):
        raise SettingInvalid(name, value, "an address such as 127.0.0.1 or 0.0.0.0")
    return value


def at_least(length: int) -> Callable[[str, str], str]:
    """Take a text of at least so many characters; it is not repeated in the error."""

    def parse(name: str, value: str) -> str:
        if len(value) < length:
            raise SettingInvalid(name, "…", f"at least {length} characters")
        return value

    return parse


def label(name: str, value: str) -> str:
    """Take at most 100 printable characters."""
    if len(value) > 100 or not value.isprintable():
        raise SettingInvalid(name, value, "at most 100 printable characters")
    return value


def absolute_path(name: str, value: str) -> Path:
    """Take a path that does not depend on where the program was started; `~` is the home directory."""
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise SettingInvalid(name, value, "an absolute path")
    return path


def folders(name: str, value: str) -> tuple[Path, ...]:
    """Take folders separated as in PATH; `~` is the home directory, a relative one begins where the program starts."""
    found = tuple(Path(folder).expanduser().absolute() for folder in value.split(os.pathsep) if folder.strip())
    if not found:
        raise SettingInvalid(name, value, f"folders, separated by {os.pathsep!r}")
    return found


def url(*schemes: str) -> Callable[[str, str], str]:
    """Take a URL with one of these schemes."""

    def parse(name: str, value: str) -> str:
        if value.partition("://")[0] not in schemes or "://" not in value:
            raise SettingInvalid(name, urls.without_password(value), f"a URL that starts with {schemes[0]}://")
        return value

    return parse


def broker_url(name: str, value: str) -> str:
    """Take one broker, or several Sentinels separated by semicolons."""
    allowed = "a URL that starts with redis://, rediss://, unix://, sentinel://, amqp:// or amqps://"
    first, *others = (one.partition("://") for one in value.split(";"))
    if not first[1] or first[0] not in _BROKERS:
        raise SettingInvalid(name, urls.without_password(value), allowed)
    if any(one[:2] != ("sentinel", "://") for one in others):
        raise SettingInvalid(name, urls.without_password(value), "several only as sentinel://host:26379;sentinel://...")
    return value


def execution_mode(name: str, value: str) -> ExecutionMode:
    """Take the name of an execution mode."""
    try:
        return ExecutionMode(value)
    except ValueError:
        raise SettingInvalid(name, value, "one of " + ", ".join(mode.value for mode in ExecutionMode)) from None


def split(name: str, value: str) -> int:
    """Take a share from 0 to 1 and return it in parts per million."""
    allowed = "a share between 0 and 1 with at most 6 decimals, such as 0.5 (write 0.5 for fifty percent, not 50)"
    try:
        return split_to_ppm(Decimal(value))
    except (InvalidOperation, ValueError):
        raise SettingInvalid(name, value, allowed) from None


def whole(low: int, high: int) -> Callable[[str, str], int]:
    """Take a whole number within these bounds."""

    def parse(name: str, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise SettingInvalid(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return parse


def choice(*allowed: str) -> Callable[[str, str], str]:
    """Take one of these words."""

    def parse(name: str, value: str) -> str:
        if value not in allowed:
            raise SettingInvalid(name, value, "one of " + ", ".join(allowed))
        return value

    return parse


def engine(name: str, value: str) -> str:
    """Take a built-in engine, a factory in a package, or the URL of an engine."""
    own = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", value)
    if value in BUILT_IN_ENGINES or own or urls.is_engine(value):
        return value
    allowed = "rules, committee, package.module:factory, or http(s)://host[:port]/path without a user"
    raise SettingInvalid(name, urls.without_password(value), allowed)


def hosts(name: str, value: str) -> tuple[str, ...]:
    """Take hosts with or without a port, separated by commas."""
    hosts = tuple(one.strip().lower() for one in value.split(","))
    if not all(urls.is_host(one) for one in hosts):
        raise SettingInvalid(name, value, "host or host:port, separated by commas, IPv6 addresses in brackets")
    return hosts


def senders(name: str, value: str) -> tuple[Network, ...]:
    """Take addresses and networks separated by commas; `tradingview` stands for the ones TradingView sends from."""
    found = list[Network]()
    for one in (part.strip().lower() for part in value.split(",")):
        try:
            found += [ip_network(each) for each in (TRADINGVIEW if one == "tradingview" else (one,))]
        except ValueError:
            allowed = "addresses or networks such as 203.0.113.7 or 10.0.0.0/8, or tradingview, separated by commas"
            raise SettingInvalid(name, value, allowed) from None
    return tuple(found)


def venue(*named: str) -> Callable[[str, str], str]:
    """Take one of these names, or an exchange that ccxt knows."""

    def parse(name: str, value: str) -> str:
        if value in named or re.fullmatch(r"ccxt:[a-z0-9_]+", value):
            return value
        raise SettingInvalid(name, value, "one of " + ", ".join((*named, "ccxt:<id>, such as ccxt:binance")))

    return parse


def secret(length: int) -> Callable[[str, str], Secret]:
    """Take a secret of at least so many printable characters; it is not repeated in the error."""

    def parse(name: str, value: str) -> Secret:
        if len(value) < length or not (value.isascii() and value.isprintable()):
            raise SettingInvalid(name, "…", f"at least {length} printable characters of ASCII")
        return Secret(hidden=value)

    return parse


def venue_url(name: str, value: str) -> str:
    """Take the address of a venue, or of a simulated one on this machine."""
    if urls.is_venue(value):
        return value
    raise SettingInvalid(name, urls.without_password(value), "a URL that starts with https://, or http:// on loopback")


def header(name: str, value: str) -> str:
    """Take the name of an HTTP header that can be spelled in one way only: a server takes `_` in a name for `-`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,99}", value):
        raise SettingInvalid(name, value, "letters and digits without dashes, such as ClientCertificateSubject")
    return value


def secrets(name: str, value: str) -> tuple[Secret, ...]:
    """Take URLs separated by blanks, each of which may hold a secret; none is repeated in the error."""
    found = value.split()
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]+", one) for one in found):
        raise SettingInvalid(name, "…", "URLs separated by blanks, such as mailto://user:password@example.com")
    return tuple(Secret(hidden=one) for one in found)
