"""The table of venues: every kind that BROKER and MARKET_DATA can name, with its library and the modules that make it.

To add a venue, add a `VenueKind` here, write the modules that it names, and let the two settings accept its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.values import SettingInvalid
from domain.trade import PAPER_VENUE

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLibrary:
    """An optional client library: the module that is imported, and the package that is installed for it."""

    module: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueKind:
    """One kind of venue, which BROKER and MARKET_DATA name as `name` or as `name:variant`.

    `broker_module` has `make_broker(variant, *, key, secret, url)` and `market_data_module` has
    `make_market_data(variant, *, key, secret, url, clock)`; both are None where the venue is built in. The broker
    declares its traits itself. `variants` are what a broker's name may have after the colon, "" for nothing. With
    `has_exchanges` the variant is the id of an exchange that the library knows, and orders carry that id as the name
    of their venue.
    """

    name: str
    library: ClientLibrary | None = None
    broker_module: str | None = None
    market_data_module: str | None = None
    market_data_needs_keys: bool = True
    variants: tuple[str, ...] = ("",)
    has_exchanges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedVenue:
    """A venue as a variable names it: `value` is the whole name, `variant` its part after the colon."""

    variable: str
    value: str
    kind: VenueKind
    variant: str

    def build_error(self, allowed: str) -> SettingInvalid:
        """Build the error that this value is not allowed; `allowed` says what is."""
        return SettingInvalid(self.variable, self.value, allowed)


VENUE_KINDS = (
    VenueKind(name=PAPER_VENUE),
    VenueKind(name=AUTO),
    VenueKind(name="alert"),
    VenueKind(
        name="alpaca",
        library=ClientLibrary(module="alpaca", package="alpaca-py"),
        broker_module="venues.alpaca_venue",
        market_data_module="venues.alpaca_data",
        variants=("", "paper"),
    ),
    VenueKind(
        name="ccxt",
        library=ClientLibrary(module="ccxt", package="ccxt"),
        broker_module="venues.ccxt_venue",
        market_data_module="venues.ccxt_data",
        market_data_needs_keys=False,
        variants=(),
        has_exchanges=True,
    ),
)


def find_venue(variable: str, value: str) -> NamedVenue:
    """Look a venue up by its name.

    Raises:
        SettingInvalid: naming the variable, when there is no such kind of venue.
    """
    kind_name, _, variant = value.partition(":")
    kind = next((kind for kind in VENUE_KINDS if kind.name == kind_name), None)
    if kind is None:
        raise SettingInvalid(variable, value, "one of " + ", ".join(kind.name for kind in VENUE_KINDS))
    return NamedVenue(variable=variable, value=value, kind=kind, variant=variant)


def account_venue_names() -> tuple[str, ...]:
    """Return the names of the venues at which an account can be opened, but for the exchanges of ccxt."""
    return tuple(
        f"{kind.name}:{variant}" if variant else kind.name
        for kind in VENUE_KINDS
        if kind.broker_module is not None
        for variant in kind.variants
    )


def order_venue_name(broker: str) -> str:
    """Return the name that orders carry for the venue that BROKER names."""
    venue = find_venue("BROKER", broker)
    return venue.variant if venue.kind.has_exchanges else venue.kind.name
