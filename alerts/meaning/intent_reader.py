"""Reading of what an alert asks for: its instruction, from words, flags and hints, and the strategy's positions."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.meaning import cover, flags, intent, objections, positions, unsupported
from alerts.meaning.field_reader import FieldReader
from alerts.meaning.intent import AlertIntent, IntentUnclear
from alerts.meaning.positions import StrategySentence
from alerts.parsing.fields import Field
from alerts.vocabulary import words
from alerts.vocabulary.words import ParsedWords, WordsContradict
from domain.signal import Action, Position

_LONGEST_PHRASE = 100
_UNKNOWN_COMMAND = "is not known: use buy, long, sell, short, exit, enter_long, exit_short, ..."
_LABELS = ("comment", "ordercomment", "strategycomment", "alertname", "signalname", "eventname", "title", "reason")
SYMBOL_KEYS, _ACTION_KEYS = ("symbol", "ticker", "pair", "instrument"), ("action", "side", "direction")
_SIGNAL_FIELDS = ("signal", "signaltype", "signaldirection", "decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRequest:
    """Intent of an alert with the strategy's positions before and after its order, None where they are not stated."""

    intent: AlertIntent
    before: Position | None
    after: Position | None


def read_request(reader: FieldReader) -> AlertRequest | None:
    """Read direction, action and positions; add an error and return None when they are missing or ambiguous.

    Call it after the symbol was read: fields of another symbol's group are left out.
    """
    try:
        commands = _read_commands(reader)
        if commands is None:
            return None
        sentence = positions.find_sentence(reader)
        instruction = _read_instruction(reader, [*commands, *_read_remarks(reader)], sentence)
        if instruction == ParsedWords():
            instruction = _read_hint(reader)
        stated = positions.read_positions(reader, instruction, sentence)
        instruction = cover.judge(reader, instruction, stated)
        sell_alone = reader.source.sell_alone
        decided = intent.decide(instruction, before=stated.before, after=stated.after, sell_alone=sell_alone)
        _refuse_partial_exit(reader, decided, after=stated.after)
    except (WordsContradict, IntentUnclear) as error:
        cause = reader.fields.find_first((*reader.aliases.commands, *reader.aliases.remarks))
        reader.add_error(cause.path if cause is not None else "direction", str(error))
        return None
    return AlertRequest(intent=decided, before=stated.before, after=stated.after)


def _read_commands(reader: FieldReader) -> list[ParsedWords] | None:
    """Parse all command fields; add an error and return None at the first whose words are not known."""
    commands = []
    for field in reader.fields.find_all(reader.aliases.commands):
        command = words.parse(str(field.value)[:_LONGEST_PHRASE])
        if command is None:
            reader.add_error(field.path, _UNKNOWN_COMMAND + _describe_other_instruction(reader))
            return None
        commands.append(reader.record_source("action", field, command))
    return commands


def _describe_other_instruction(reader: FieldReader) -> str:
    """Return a hint at the remark that says what to do beside a command that is not known."""
    for field in reader.fields.find_all(reader.aliases.remarks):
        try:
            remark = words.parse(str(field.value)[:_LONGEST_PHRASE])
        except WordsContradict:
            continue
        if remark is not None and remark.towards is not None:
            return f"; what to do is in {field.path}: send that here, or leave this field out"
    return ""


def _read_remarks(reader: FieldReader) -> list[ParsedWords]:
    """Parse the remark fields; those that are no instruction are skipped."""
    remarks = []
    for field in reader.fields.find_all(reader.aliases.remarks):
        try:
            remark = words.parse(str(field.value)[:_LONGEST_PHRASE])
        except WordsContradict:
            continue
        if remark is not None:
            remarks.append(reader.record_source("action", field, remark))
    return remarks


def _read_instruction(reader: FieldReader, stated: list[ParsedWords], sentence: StrategySentence | None) -> ParsedWords:
    """Combine the stated words with flags, the position side, and closing signs.

    Without any words, flags such as `buy: true` count, and then the only action field in a group, and then the order in
    a strategy's sentence, which must agree in any case.

    Raises:
        WordsContradict: when they contradict each other.
        IntentUnclear: when another field speaks against the order.
    """
    flag_fields, flag_words = flags.read_flag_fields(reader.fields) if not stated else ([], [])
    position_side = flags.find_position_side(reader.fields)
    closing_flag = flags.find_closing_flag(reader.fields) or _find_exit_label(reader)
    in_sentence = [ParsedWords(command=sentence.command)] if sentence is not None else []
    by_words = words.combine([*(stated + flag_words or _read_action_in_group(reader)), *in_sentence])
    instruction = flags.apply_position_side(by_words, position_side)
    if closing_flag is not None:
        instruction = flags.apply_closing_flag(instruction, closing_flag)
    for field in (*flag_fields, position_side, closing_flag):
        if field is not None:
            reader.record_source("action", field, None)
    _refuse_objections(reader, by_words, instruction)
    return instruction


def _find_exit_label(reader: FieldReader) -> Field | None:
    """Return a name or comment that calls the order an exit; None when a position is stated, which is more reliable."""
    if reader.fields.find_first((*reader.aliases.before, *reader.aliases.after)) is not None:
        return None
    names = (*reader.aliases.order_id, *reader.aliases.explicit_id, "name")
    return flags.find_exit_label(reader.fields, names, labels=_LABELS)


def _read_action_in_group(reader: FieldReader) -> list[ParsedWords]:
    """Return the words of the only action field, at any depth; none when its group is about another symbol."""
    field = reader.fields.find_only_by_key(_ACTION_KEYS)
    if field is None or _is_of_other_symbol(reader, field):
        return []
    instruction = words.parse(str(field.value)[:_LONGEST_PHRASE])
    return [reader.record_source("action", field, instruction)] if instruction is not None else []


def _is_of_other_symbol(reader: FieldReader, field: Field) -> bool:
    """Return whether a field's group names a symbol in a field other than the one that was read."""
    group = field.path.rpartition(".")[0]
    symbol_fields = reader.fields.find_by_key(SYMBOL_KEYS)
    in_group = (symbol.path for symbol in symbol_fields if symbol.path.rpartition(".")[0] == group)
    return any(path not in reader.read_from.get("symbol", []) for path in in_group)


def _refuse_objections(reader: FieldReader, stated: ParsedWords, instruction: ParsedWords) -> None:
    """Raise IntentUnclear for a report, an option, and another field that speaks against the order."""
    if (report := unsupported.find_fill_report(reader.fields)) is not None:
        raise IntentUnclear(
            f"{report.path} says that this reports a fill, which is no signal: send the order's alert only"
        )
    if (option := unsupported.find_option(reader.fields)) is not None:
        raise IntentUnclear(f"{option.path} speaks of an option, which is not supported")
    aliases = reader.aliases
    position = reader.fields.find_first((*aliases.before, *aliases.after, *aliases.size_after))
    objection = objections.find_objection(
        reader.fields, aliases, stated=stated, instruction=instruction, has_position=position is not None
    )
    if objection is not None:
        raise IntentUnclear(f"{objection.path} speaks of something that is neither an entry nor a whole exit")


def _refuse_partial_exit(reader: FieldReader, decided: AlertIntent, *, after: Position | None) -> None:
    """Raise IntentUnclear for an exit that closes only a part of the position."""
    if decided.action is not Action.EXIT or after is Position.FLAT:
        return
    part = objections.find_partial_close(reader.fields)
    if part is not None:
        raise IntentUnclear(f"{part.path} says that only a part is closed, which is not supported")


def _read_hint(reader: FieldReader) -> ParsedWords:
    """Return the side that a hint such as `trend: up` names, unless a signal field says that there is none."""
    signal = reader.fields.find_first_nonblank(_SIGNAL_FIELDS)
    if signal is not None and str(signal.value).strip().lower() == "none":
        return ParsedWords()
    for field in reader.fields.find_all(reader.aliases.hints):
        text = str(field.value)[:_LONGEST_PHRASE]
        side = words.parse_side(text)
        if side is not None and not objections.speaks_against_entry(text):
            return reader.record_source("action", field, ParsedWords(side=side))
    return ParsedWords()
