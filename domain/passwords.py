"""Rules for passwords: long, and none of those that attackers try first; any characters are allowed."""

from __future__ import annotations

MIN_LENGTH, MAX_LENGTH = 12, 200
_LONGEST_REPEATED_PART = 8
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklm",
)
_DIGITS = "1234567890" * 20
_COMMON = frozenset(
    {
        "!qaz2wsx#edc",
        "1q2w3e4r5t6y",
        "1q2w3e4r5t6y7u",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "accessdenied",
        "adminadministrator",
        "administrator",
        "administrator1",
        "administrator123",
        "changemeplease",
        "correcthorsebatterystaple",
        "defaultpassword",
        "football1234",
        "ihatepasswords",
        "illuminati12",
        "iloveyou1234",
        "iloveyouforever",
        "letmein12345",
        "letmeinletmein",
        "letmeinplease",
        "liverpoolfc1",
        "manchesterunited",
        "masterpassword",
        "mypassword12",
        "mypassword123",
        "mypassword1234",
        "mysecretpassword",
        "nopassword12",
        "nopassword123",
        "opensesame12",
        "orchestrator",
        "orchestrator1",
        "p4ssw0rd1234",
        "p@ssw0rd1234",
        "p@ssword1234",
        "pa$$w0rd1234",
        "pass1234pass",
        "passphrase12",
        "passphrase123",
        "passw0rd1234",
        "password1234",
        "password12345",
        "password123456",
        "password1234567",
        "password12345678",
        "password123456789",
        "password1234567890",
        "passwordpass",
        "q1w2e3r4t5y6",
        "q1w2e3r4t5y6u7",
        "qazwsxedcrfv",
        "qazwsxedcrfvtgb",
        "rootpassword",
        "secretpassword",
        "sunshine1234",
        "superman1234",
        "superpassword",
        "testpassword",
        "testtesttest1",
        "thisismypassword",
        "trading12345",
        "tradingview1",
        "tradingview12",
        "tradingview123",
        "trustno1trustno1",
        "unbelievable",
        "welcome12345",
        "welcometothejungle",
        "whatever1234",
        "yourpassword",
        "zaq12wsxcde3",
    }
)


class PasswordRefused(ValueError):
    """The password is not allowed; the message says why."""


def require_good(password: str, *, name: str) -> None:
    """Raise unless the user of that name may have this password.

    Raises:
        PasswordRefused: with the reason, without the password.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordRefused(f"must have {MIN_LENGTH} to {MAX_LENGTH} characters")
    folded = password.casefold()
    if name.casefold() in (folded, folded[::-1]) or _strip_suffix(folded) == name.casefold():
        raise PasswordRefused("must not be the user's name")
    if folded in _COMMON or _strip_suffix(folded) in _COMMON_STEMS or _is_sequence(folded) or _is_repetition(folded):
        raise PasswordRefused("is one that attackers try first; choose another")


def _strip_suffix(text: str) -> str:
    """Remove digits and signs at the end: they make a word no harder to guess."""
    return text.rstrip("0123456789!?.,-_#*$@+ ") or text


def _is_sequence(text: str) -> bool:
    """Return whether the text is a part of the alphabet, the digits or the keys of a keyboard, in either direction."""
    sequences = (*_SEQUENCES, _DIGITS)
    return any(text in sequence or text[::-1] in sequence for sequence in sequences)


def _is_repetition(text: str) -> bool:
    """Return whether the text repeats one short part; the last repetition may be incomplete."""
    return any((text[:size] * len(text))[: len(text)] == text for size in range(1, _LONGEST_REPEATED_PART + 1))


_COMMON_STEMS = frozenset(map(_strip_suffix, _COMMON))
