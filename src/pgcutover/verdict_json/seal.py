"""The seal of a verdict.json: an HMAC with the migration's key secret, in a file beside it.

It shows that a gate of this migration wrote exactly this file at exactly this place.
"""

import hmac
from pathlib import Path

from pgcutover.key_hash.hashing import KeySecret
from pgcutover.verdict_json.file import write_text_atomically

FILE = "verdict.seal"


def write_seal(verdict: Path, secret: KeySecret) -> Path:
    """Seal a verdict.json that has just been written."""
    seal = _seal(verdict, verdict.read_bytes(), secret)
    return write_text_atomically(f"{seal}\n", verdict.with_name(FILE))


def is_sealed(verdict: Path, data: bytes, secret: KeySecret) -> bool:
    """Return whether the seal beside a verdict.json is that of its content and place."""
    try:
        found = verdict.with_name(FILE).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return False
    return hmac.compare_digest(found, _seal(verdict, data, secret))


def _seal(verdict: Path, data: bytes, secret: KeySecret) -> str:
    key = hmac.digest(secret.value, b"pgcutover seal of a verdict", "sha256")
    return hmac.digest(key, f"{verdict.resolve()}\0".encode() + data, "sha256").hex()
