"""Describes an error that ended a command, also where a package that we need is missing."""


def describe_crash(error: Exception) -> str:
    """Return one sentence, without secrets, for an error that ended a command."""
    if isinstance(error, ImportError):  # the import below may fail for the same reason
        return f"{error}; reinstall pgcutover"
    from pgcutover.error_texts.public_errors import public_error

    return str(public_error(error))
