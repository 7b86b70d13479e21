"""Errors as AWS sends them: a code, a message, and HTTP 400."""


class DmsFault(Exception):
    """An error answer of the service; `code` is what boto3 shows as Error.Code."""

    def __init__(self, code: str, message: str) -> None:
        """Both parts go to the caller as they are, so neither may hold a secret."""
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> DmsFault:
    """A parameter the service cannot use."""
    return DmsFault("InvalidParameterValueException", message)


def conflicting(message: str) -> DmsFault:
    """Parameters, or a parameter and the resource's past, that exclude each other."""
    return DmsFault("InvalidParameterCombinationException", message)


def wrong_state(message: str) -> DmsFault:
    """The resource exists but cannot do this now."""
    return DmsFault("InvalidResourceStateFault", message)


def not_found(message: str) -> DmsFault:
    """No such resource in this region."""
    return DmsFault("ResourceNotFoundFault", message)


def already_exists(message: str) -> DmsFault:
    """The identifier is taken."""
    return DmsFault("ResourceAlreadyExistsFault", message)
