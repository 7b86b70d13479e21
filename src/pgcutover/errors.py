"""Every error a user can meet; each message says expected, found, where and what to do."""


class PgCutoverError(Exception):
    """Root of all errors raised on purpose; its text is fit to print without a traceback."""


class ConfigError(PgCutoverError):
    """migration.toml, the mapping rules or an option cannot be used as written."""


class ServerError(PgCutoverError):
    """A server, real or embedded, cannot be installed, started or reached."""


class AnotherServerError(ServerError):
    """An address led to another server than at first; nothing can be concluded in this run."""


class ProvisionError(PgCutoverError):
    """A provisioning step failed; the target is as it was before that step."""


class MoverError(PgCutoverError):
    """The mover refused a call or reports a state from which it cannot go on."""


class MissingExtraError(PgCutoverError):
    """An optional package is not installed; the message names the pip line."""


class UnreadableError(PgCutoverError):
    """Something that must be compared cannot be read; the answer is UNKNOWN, never equal."""


def describe_crash(error: Exception) -> str:
    """Return one sentence without secrets for whatever ended a command."""
    if isinstance(error, ImportError):  # perhaps the import below fails for the same reason
        return f"{error}; reinstall pgcutover"
    from pgcutover.public_errors import public_error

    return str(public_error(error))
