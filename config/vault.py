"""Encryption of stored secrets, with keys derived from SECRET_KEY: each purpose has a key of its own."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Vault:
    """Encrypts and decrypts texts for one purpose: HKDF-SHA256 (RFC 5869) derives the key, Fernet encrypts."""

    def __init__(self, secret_key: str, *, purpose: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(_derive_key(secret_key, purpose)))

    def seal(self, text: str) -> bytes:
        """Encrypt a text."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt a text.

        Raises:
            cryptography.fernet.InvalidToken: when it was encrypted with another secret key, or for another purpose.
        """
        return self._fernet.decrypt(sealed).decode()


class TokenVault(Vault):
    """Encrypts the tokens of sources, so that their URLs can be shown again."""

    def __init__(self, secret_key: str) -> None:
        super().__init__(secret_key, purpose=b"trading-orchestrator/source-tokens/v1")


class AccountVault(Vault):
    """Encrypts the keys of accounts at venues."""

    def __init__(self, secret_key: str) -> None:
        super().__init__(secret_key, purpose=b"trading-orchestrator/account-keys/v1")


def derive_form_key(secret_key: str) -> bytes:
    """Derive the key with which the CSRF tokens of the console's forms are signed."""
    return _derive_key(secret_key, b"trading-orchestrator/forms/v1")


def _derive_key(secret_key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
