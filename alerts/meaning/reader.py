"""The reading that all dialects share: values by their aliases, gathered with what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from alerts.meaning import bars, flags, intent, objections, symbol_fields
from alerts.meaning.content_hash import exact
from alerts.meaning.intent import Intent, IntentUnclear
from alerts.meaning.reading import AlertUnclear, Identity, Reading
from alerts.parsing import values
from alerts.parsing.fields import Field, Fields
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary import symbols, words
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.symbols import SymbolUnreadable
from alerts.vocabulary.words import Wish, WordsContradict
from domain.signal import Action, Instrument, Position, Source

_LONGEST_PHRASE = 100
_LABELS = ("comment", "ordercomment", "strategycomment", "alertname", "signalname", "eventname", "title", "reason")
# Looked for at any depth, where one field alone bears the name.
_SYMBOLS, _ACTIONS = ("symbol", "ticker", "pair", "instrument"), ("action", "side", "direction")
_EITHER, _SIGNALS = ("entry", "close"), ("signal", "signaltype", "signaldirection", "decision")
T = TypeVar("T")


def read(fields: Fields, source: Source, *, aliases: Aliases) -> Reading:
    """Read a payload by its field names.

    Raises:
        AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
    """
    reader = _Reader(fields=fields, source=source, aliases=aliases)
    instrument, meant = reader.instrument(), reader.intent()
    bar_time = reader.optional("bar_time", values.moment)
    timeframe = reader.optional("timeframe", values.interval) or source.timeframe
    event_at = reader.optional("event_time", values.moment)
    price = reader.price()
    confidence = reader.optional("confidence", reader.confidence)
    strategy = reader.optional("strategy", values.text) or source.strategy
    is_test = reader.optional("is_test", values.yes_or_no) or False
    if reader.errors or instrument is None or meant is None:
        raise AlertUnclear(reader.errors)
    return Reading(
        instrument=instrument,
        direction=meant.direction,
        action=meant.action,
        timeframe=timeframe,
        bar_time=bar_time,
        event_at=event_at,
        price=price,
        confidence=confidence,
        sequence=reader.sequence(),
        position_before=reader.before,
        position_after=_reached(meant, reader.after),
        strategy=strategy,
        bar=bars.read(fields, aliases.bars, bar_time),
        is_test=is_test,
        identity=_identity(fields, aliases),
        read_from=reader.read_from,
    )


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads one payload and gathers what is wrong with it; the intent's reading leaves the two positions behind."""

    fields: Fields
    source: Source
    aliases: Aliases
    before: Position | None = None
    after: Position | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    read_from: dict[str, list[str]] = field(default_factory=dict)

    def instrument(self) -> Instrument | None:
        given = symbol_fields.symbol(self.fields, self.aliases.symbol, deep=_SYMBOLS)
        if given is None:
            self._refuse("symbol", "is required, such as BTCUSDT, BINANCE:BTCUSDT or EURUSD")
            return None
        found = self._attempt("symbol", given, self._symbol)
        if (
            found is not None
            and (rival := symbol_fields.rival(self.fields, found.symbol, read=self._symbol)) is not None
        ):
            self._refuse(rival.path, f"names another symbol than {given.path}: send one of them")
            return None
        exchange = self.optional("exchange", values.text) or ""
        if found is None:
            return None
        return Instrument(
            symbol=found.symbol,
            exchange=found.exchange or exchange.upper() or self.source.exchange,
            kind=self.source.instrument_kind or found.kind,
        )

    def _symbol(self, value: Leaf) -> Instrument:
        written = values.text(value)
        return symbols.read(self.source.symbols.get("".join(written.upper().split()), written))

    def sequence(self) -> int | None:
        """Return the alert's number; what is none says nothing, since an alert is not refused for it."""
        given = self.fields.first(self.aliases.sequence)
        try:
            return self._noted("sequence", given, values.count(given.value)) if given is not None else None
        except ValueUnreadable:
            return None

    def intent(self) -> Intent | None:
        try:
            commands = self._commands()
            if commands is None:
                return None
            wish = self._wish([*commands, *self._remarks()])
            hinted = self._hinted() if wish == Wish() else wish
            self.before, self.after = self._position("before"), self._position("after") or self._signed_size()
            found = intent.decide(hinted, before=self.before, after=self.after, sell_alone=self.source.sell_alone)
            return self._whole(found)
        except (WordsContradict, IntentUnclear) as error:
            asking = self.fields.first((*self.aliases.commands, *self.aliases.remarks))
            self._refuse(asking.path if asking is not None else "direction", str(error))
            return None

    def _wish(self, said: list[Wish]) -> Wish:
        """Unite what the words say with what the names of fields say.

        Raises:
            WordsContradict, IntentUnclear: when they do not fit together, or speak of something that is no entry.
        """
        fields, named = flags.named(self.fields) if not said else ([], [])
        held, closer = flags.held(self.fields), flags.only_closes(self.fields) or self._exit_by_name()
        asked = words.combine(said + named or self._deep())
        wish = flags.of_position(asked, held)
        wish = flags.closing(wish, closer) if closer is not None else wish
        for one in (*fields, held, closer):
            if one is not None:
                self._noted("action", one, None)
        self._object(asked, wish)
        return wish

    def _object(self, asked: Wish, meant: Wish) -> None:
        """Refuse what something else in the alert speaks against.

        Raises:
            IntentUnclear: when something does.
        """
        against = objections.against(
            self.fields, self.aliases, asked=asked, meant=meant, tells_position=self._tells_position()
        )
        if against is not None:
            raise IntentUnclear(f"{against.path} speaks of something that is neither an entry nor a whole exit")
        if (optional := objections.option(self.fields)) is not None:
            raise IntentUnclear(f"{optional.path} speaks of an option, which is not supported")

    def _tells_position(self) -> bool:
        return self.fields.first((*self.aliases.before, *self.aliases.after, *self.aliases.size_after)) is not None

    def _whole(self, found: Intent) -> Intent:
        """Return an intent that is no exit from a part of the position.

        Raises:
            IntentUnclear: when it is one.
        """
        part = (
            objections.partial(self.fields) if found.action is Action.EXIT and self.after is not Position.FLAT else None
        )
        if part is not None:
            raise IntentUnclear(f"{part.path} says that only a part is closed, which is not supported")
        return found

    def _exit_by_name(self) -> Field | None:
        """Return what calls the order an exit, where no position is told, which would say it better."""
        if self.fields.first((*self.aliases.before, *self.aliases.after)) is not None:
            return None
        return flags.called_an_exit(
            self.fields, (*self.aliases.order_id, *self.aliases.explicit_id, "name"), labels=_LABELS
        )

    def _deep(self) -> list[Wish]:
        """Return what the only field of such a name says, however deep it stands."""
        given = self.fields.only(_ACTIONS)
        if given is not None and self._is_of_another(given):
            return []
        wish = words.read(str(given.value)[:_LONGEST_PHRASE]) if given is not None else None
        return [self._noted("action", given, wish)] if given is not None and wish is not None else []

    def _is_of_another(self, given: Field) -> bool:
        """Say whether a field stands in a group that names a symbol which is not the one that was read."""
        group = given.path.rpartition(".")[0]
        named = (one.path for one in self.fields.named(_SYMBOLS) if one.path.rpartition(".")[0] == group)
        return any(path not in self.read_from.get("symbol", []) for path in named)

    def optional(self, meaning: str, parse: Callable[[Leaf], T]) -> T | None:
        given = self.fields.first(getattr(self.aliases, meaning))
        return self._attempt(meaning, given, parse) if given is not None else None

    def price(self) -> Decimal | None:
        """Return the first price that is told; nought and `market` tell none."""
        named = (one for one in self.fields.all(self.aliases.price) if not values.tells_no_price(one.value))
        given = next((one for one in named if not _says_whether(one)), None)
        return self._attempt("price", given, values.price) if given is not None else None

    def confidence(self, value: Leaf) -> Decimal:
        scale = self.source.confidence_scale
        found = values.number(value)
        if not 0 <= found <= scale:
            raise ValueUnreadable(f"must be between 0 and {scale}, the scale that is set for this source")
        return found * (100 // scale)

    def _commands(self) -> list[Wish] | None:
        said = []
        for given in self.fields.all(self.aliases.commands):
            wish = words.read(str(given.value)[:_LONGEST_PHRASE])
            if wish is None:
                self._refuse(given.path, "is not known: use buy, long, sell, short, exit, enter_long, exit_short, ...")
                return None
            said.append(self._noted("action", given, wish))
        return said

    def _remarks(self) -> list[Wish]:
        said = []
        for given in self.fields.all(self.aliases.remarks):
            try:
                wish = words.read(str(given.value)[:_LONGEST_PHRASE])
            except WordsContradict:
                continue
            if wish is not None:
                said.append(self._noted("action", given, wish))
        return said

    def _position(self, meaning: str) -> Position | None:
        given = self.fields.first(getattr(self.aliases, meaning))
        found = _position(given)
        return self._noted("action", given, found) if given is not None and found is not None else None

    def _signed_size(self) -> Position | None:
        """Return the side a size tells by its sign; one that is no number says nothing."""
        given = self.fields.first(self.aliases.size_after)
        try:
            size = values.number(given.value) if given is not None else None
        except ValueUnreadable:
            return None
        if given is None or size is None:
            return None
        side = Position.FLAT if not size else Position.LONG if size > 0 else Position.SHORT
        return self._noted("action", given, side)

    def _hinted(self) -> Wish:
        """Return the side a hint names, unless a signal is there that says that there is none."""
        signal = self.fields.first_given(_SIGNALS)
        if signal is not None and str(signal.value).strip().lower() == "none":
            return Wish()
        for given in self.fields.all(self.aliases.hints):
            written = str(given.value)[:_LONGEST_PHRASE]
            side = words.read_side(written)
            if side is not None and not objections.turns(written):
                return self._noted("action", given, Wish(side=side))
        return Wish()

    def _attempt(self, meaning: str, given: Field, parse: Callable[[Leaf], T]) -> T | None:
        try:
            return self._noted(meaning, given, parse(given.value))
        except (ValueUnreadable, SymbolUnreadable) as error:
            self._refuse(given.path, str(error))
            return None

    def _noted(self, meaning: str, given: Field, value: T) -> T:
        self.read_from.setdefault(meaning, []).append(given.path)
        return value

    def _refuse(self, path: str, message: str) -> None:
        self.errors.setdefault(path, []).append(message)


def _says_whether(given: Field) -> bool:
    """Say whether a field that may hold a price says whether this is an entry."""
    return given.path.lower() in _EITHER and str(given.value).strip().lower() in ("true", "false")


def _reached(meant: Intent, after: Position | None) -> Position | None:
    """Return where the strategy stands now; a side that an exit comes with is the one it closes, not where it led."""
    return None if meant.action is Action.EXIT and after is not Position.FLAT else after


def _position(given: Field | None) -> Position | None:
    if given is None:
        return None
    written = str(given.value).strip().lower()
    side = words.read_side(written)
    if side is not None:
        return Position(side.value)
    return Position.FLAT if written == "flat" else None


def _identity(fields: Fields, aliases: Aliases) -> Identity:
    explicit, order, comment = (
        exact(given.value) if (given := fields.first(names)) is not None else None
        for names in (aliases.explicit_id, aliases.order_id, aliases.comment)
    )
    return Identity(explicit_id=explicit, order_id=order, comment=comment)
