"""Settings that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config import parsers
from config.values import SettingInvalid

if TYPE_CHECKING:
    from config.settings import Settings

# While engines are asked, a lease is renewed every third of its length: a busy machine would be late for shorter ones.
SHORTEST_LEASE_OF_FOREIGN_ENGINES_S = 10


def check_combinations(settings: Settings) -> None:
    """Refuse settings that are allowed one by one but not together.

    Raises:
        SettingInvalid: naming the variable that would have to change.
    """
    foreign_engines = {settings.engine_a, settings.engine_b} - set(parsers.BUILT_IN_ENGINES)
    if foreign_engines and settings.lease_s < SHORTEST_LEASE_OF_FOREIGN_ENGINES_S:
        allowed = f"at least {SHORTEST_LEASE_OF_FOREIGN_ENGINES_S} with an engine that is not built in"
        raise SettingInvalid("LEASE_S", str(settings.lease_s), allowed)
    if settings.sender_addresses is not None and settings.trusted_proxies is None:
        allowed = "SENDER_ADDRESSES needs to know how many proxies of yours stand before the web process, 0 for none"
        raise SettingInvalid("TRUSTED_PROXIES", "", allowed)
    if settings.client_certificate_header is not None and not settings.trusted_proxies:
        allowed = "at least 1 with CLIENT_CERTIFICATE_HEADER: only a proxy of yours can say whose certificate it saw"
        raise SettingInvalid("TRUSTED_PROXIES", "" if settings.trusted_proxies is None else "0", allowed)
