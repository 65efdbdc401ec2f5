from __future__ import annotations

import pytest
from cryptography.fernet import InvalidToken

from alerts import redaction
from config import tokens
from config.vault import TokenVault


@pytest.mark.parametrize(
    "key",
    [
        "secret",
        "Passphrase",
        "token",
        "apikey",
        "api_key",
        "API-Key",
        "password",
        "pin",
        "PIN",
        "key",
        "licenceId",
        "email_token",
        "webhookSecret",
        "privateKey",
    ],
)
def test_a_key_that_names_a_secret_hides_its_value_at_any_depth(key: str) -> None:
    redacted = redaction.redact({"a": [{key: "CANARY"}], key: {"b": "CANARY"}})

    assert "CANARY" not in str(redacted)
    assert redacted[key] == "***"


@pytest.mark.parametrize("key", ["symbol", "spin", "comment", "author", "keys_seen", "price"])
def test_other_keys_show_their_values(key: str) -> None:
    assert redaction.redact({key: "shown"}) == {key: "shown"}


def test_a_token_is_opened_under_its_own_secret_key_only() -> None:
    token = tokens.new_token()
    sealed = TokenVault("the first secret key").seal(token)

    assert TokenVault("the first secret key").open(sealed) == token
    assert token.encode() not in sealed
    with pytest.raises(InvalidToken):
        TokenVault("another secret key").open(sealed)


def test_tokens_have_256_random_bits() -> None:
    fresh = {tokens.new_token() for _ in range(100)}

    assert len(fresh) == 100
    assert {len(token) for token in fresh} == {43}


def test_a_token_is_looked_up_by_its_sha_256() -> None:
    assert tokens.hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
