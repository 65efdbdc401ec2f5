"""Which passwords are taken: long ones that nobody would try first. What they are made of is the person's choice."""

from __future__ import annotations

SHORTEST, LONGEST = 12, 200
_LONGEST_PIECE = 8
_ROWS = (
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
    """A password that is not taken; the message says what would be right."""


def require_good(password: str, *, name: str) -> None:
    """Return when this may be the password of the person of that name.

    Raises:
        PasswordRefused: saying why not, without the password.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(f"must have {SHORTEST} to {LONGEST} characters")
    plain = password.casefold()
    if name.casefold() in (plain, plain[::-1]) or _core(plain) == name.casefold():
        raise PasswordRefused("must not be the user's name")
    if plain in _COMMON or _core(plain) in _CORES or _is_run(plain) or _repeats(plain):
        raise PasswordRefused("is one of those that are tried first; choose another")


def _core(plain: str) -> str:
    """Take off the digits and signs at the end, which make a word no harder to guess."""
    return plain.rstrip("0123456789!?.,-_#*$@+ ") or plain


def _is_run(plain: str) -> bool:
    """Say whether it is a piece of the alphabet, of the digits or of a keyboard, in either direction."""
    rows = (*_ROWS, _DIGITS)
    return any(plain in row or plain[::-1] in row for row in rows)


def _repeats(plain: str) -> bool:
    """Say whether it is one short piece over and over, the last time perhaps in part."""
    return any((plain[:size] * len(plain))[: len(plain)] == plain for size in range(1, _LONGEST_PIECE + 1))


_CORES = frozenset(map(_core, _COMMON))
