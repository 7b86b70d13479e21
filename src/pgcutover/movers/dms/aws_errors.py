"""Turns errors of botocore into one sentence without secrets."""

from botocore import exceptions as aws

from pgcutover.errors import MoverError
from pgcutover.movers.dms.aws_text import public_text

_REFUSED = {
    "AccessDeniedException",
    "AccessDeniedFault",
    "AccessDenied",
    "UnauthorizedOperation",
}
_UNKNOWN_CALLER = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "ExpiredToken",
    "ExpiredTokenException",
    "AuthFailure",
}
_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TooManyRequestsException",
}
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.TokenRetrievalError,
    aws.SSOTokenLoadError,
    aws.UnauthorizedSSOTokenError,
)
_NO_ANSWER = (
    aws.HTTPClientError,
    aws.ConnectionError,
    aws.EndpointConnectionError,
)


def code_of(error: aws.ClientError) -> str:
    """Return the error code of AWS."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def as_mover_error(error: Exception, call: str, where: str) -> MoverError:
    """Return the MoverError for a failed call such as `dms:CreateEndpoint`."""
    if isinstance(error, _NO_CREDENTIALS):
        return MoverError(
            f"{call}: no usable AWS credentials ({public_text(str(error))}); expected a profile, "
            "environment variables or a role, so set AWS_PROFILE (and run aws sso login) or "
            "AWS_ACCESS_KEY_ID, then try again"
        )
    if isinstance(error, _NO_ANSWER):
        return MoverError(
            f"{call}: {where} did not answer ({type(error).__name__}); check region, network and "
            "proxy, then try again"
        )
    if isinstance(error, aws.ParamValidationError):
        return MoverError(f"{call}: not accepted by the AWS client: {public_text(str(error))}")
    if isinstance(error, aws.ClientError):
        return _answered(error, call)
    return MoverError(f"{call}: unexpected {type(error).__name__} of the AWS client")


def _answered(error: aws.ClientError, call: str) -> MoverError:
    code = code_of(error)
    message = public_text(error.response.get("Error", {}).get("Message"))
    if code in _REFUSED:
        return MoverError(f"{call}: AWS refused it ({message}); grant this action to the caller")
    if code in _UNKNOWN_CALLER:
        return MoverError(
            f"{call}: AWS does not accept these credentials ({code}); renew them and try again"
        )
    if code in _THROTTLED:
        return MoverError(
            f"{call}: AWS goes on throttling ({code}); wait a minute and run the same command "
            "again, it continues where it stopped"
        )
    return MoverError(f"{call}: AWS answered {code}: {message}")
