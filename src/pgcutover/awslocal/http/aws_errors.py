"""Errors as AWS sends them: a code, a message, and HTTP 400."""


class DmsFault(Exception):
    """An error response of the service; boto3 shows `code` as Error.Code."""

    def __init__(self, code: str, message: str) -> None:
        """Both parts are sent to the caller unchanged, so neither may contain a secret."""
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> DmsFault:
    """Return the fault for an invalid parameter."""
    return DmsFault("InvalidParameterValueException", message)


def conflicting(message: str) -> DmsFault:
    """Return the fault for parameters that contradict each other or the resource."""
    return DmsFault("InvalidParameterCombinationException", message)


def wrong_state(message: str) -> DmsFault:
    """Return the fault for a resource in the wrong state."""
    return DmsFault("InvalidResourceStateFault", message)


def not_found(message: str) -> DmsFault:
    """Return the fault for a resource that this region does not have."""
    return DmsFault("ResourceNotFoundFault", message)


def already_exists(message: str) -> DmsFault:
    """Return the fault for an identifier that is in use."""
    return DmsFault("ResourceAlreadyExistsFault", message)
