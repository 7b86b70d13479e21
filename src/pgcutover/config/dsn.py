"""Reads DSNs from the environment variables that migration.toml or a command line names."""

import os

from pgcutover.errors import ConfigError


def read_dsn(variable: str) -> str | None:
    """Return the DSN in a variable; None if it is unset or empty."""
    return os.environ.get(variable) or None


def require_dsn(variable: str) -> str:
    """Return the DSN in a variable; ConfigError if it is unset or empty."""
    if dsn := read_dsn(variable):
        return dsn
    raise ConfigError(f"the environment variable {variable} is not set; expected it to hold a DSN")
