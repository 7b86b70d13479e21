"""The errors that users see; each message says expected, found, where and what to do."""


class PgCutoverError(Exception):
    """Root of all deliberate errors; its text is printed without a traceback."""


class ConfigError(PgCutoverError):
    """migration.toml, the mapping rules or an option cannot be used as written."""


class ServerError(PgCutoverError):
    """A server, real or embedded, cannot be installed, started or reached."""


class AnotherServerError(ServerError):
    """An address leads to another server than before; no result of this run is valid."""


class ProvisionError(PgCutoverError):
    """A provisioning step failed; the target is as it was before that step."""


class MoverError(PgCutoverError):
    """The mover refused a call or reports a state from which it cannot continue."""


class MissingExtraError(PgCutoverError):
    """An optional package is not installed; the message names the pip line."""


class FreezeError(PgCutoverError):
    """The freeze was not made or has ended by itself; the source accepts writes as before."""


class UnreadableError(PgCutoverError):
    """Data to compare cannot be read; the result is UNKNOWN, never equal."""
