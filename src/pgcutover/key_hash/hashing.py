"""Names for row keys in reports, which only the holder of a secret can trace to a row."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

KeyHash = Callable[[bytes], str]
"""Turns the digest of a key into its key hash."""
_HEX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class KeySecret:
    """The secret behind key hashes, and the place where it was found."""

    value: bytes = field(repr=False)
    place: str

    @property
    def id(self) -> str:
        """Return a name of the secret that does not give it away."""
        return hmac.digest(self.value, b"pgcutover id of a key secret", "sha256").hex()[:12]


@dataclass(frozen=True, slots=True)
class KeyHashes:
    """The key hashes of one run: HMAC-SHA256 over run id, table and the digest of the key."""

    run_key: bytes = field(repr=False)

    @classmethod
    def of_run(cls, secret: KeySecret, run_id: str) -> "KeyHashes":
        """Derive the key of one run, so that workers do not need the secret."""
        return cls(hmac.digest(secret.value, run_id.encode(), "sha256"))

    @classmethod
    def unnamed(cls) -> "KeyHashes":
        """Return hashes that nobody can trace to a row."""
        return cls(secrets.token_bytes(32))

    def of_table(self, table: str) -> KeyHash:
        """Return the function from the digest of a key to its key hash."""
        table_key = hmac.digest(self.run_key, table.encode(), "sha256")
        return lambda digest: hmac.digest(table_key, digest, "sha256").hex()[:_HEX_DIGITS]
