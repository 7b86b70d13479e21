"""Calls AWS through boto3; every failure is raised as a MoverError."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pgcutover.errors import MoverError
from pgcutover.extras import require_extra

if TYPE_CHECKING:
    from pgcutover.context import AwsAccess

_CONNECT_SECONDS = 10
_READ_SECONDS = 60.0
_ATTEMPTS = 8
_PAGE = 100  # the most that every describe call of DMS accepts


class ResourceGoneError(MoverError):
    """AWS has no object of that name."""


class ResourceExistsError(MoverError):
    """Another run has created the object."""


class Api:
    """Clients of one region, made when first used; one instance must not be shared by threads."""

    def __init__(
        self,
        region: str,
        access: "AwsAccess",
        *,
        answer_seconds: float = _READ_SECONDS,
        attempts: int = _ATTEMPTS,
    ) -> None:
        """Keep the region and credentials; MissingExtraError without boto3. Nothing is called."""
        require_extra("AWS DMS", "dms")
        self._answer_seconds, self._attempts = answer_seconds, attempts
        self.region, self._access = region, access
        # boto3 itself reads AWS_ENDPOINT_URL; what runs on this machine may be polled quickly
        self.local = _is_loopback(access.endpoint_url or os.environ.get("AWS_ENDPOINT_URL", ""))
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of one operation, named as boto3's method."""
        from botocore.exceptions import BotoCoreError, ClientError

        from pgcutover.movers.dms import aws_errors

        name = f"{service}:{operation}"
        try:
            answer: dict[str, Any] = getattr(self._client(service), operation)(**parameters)
        except ClientError as error:
            told = aws_errors.as_mover_error(error, name, self._where(service))
            special = _SPECIAL.get(aws_errors.code_of(error))
            raise special(*told.args) if special else told from error
        except BotoCoreError as error:
            raise aws_errors.as_mover_error(error, name, self._where(service)) from error
        return answer

    def dms(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of an operation of DMS."""
        return self.call("dms", operation, **parameters)

    def pages(self, operation: str, listing: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield every entry of a listing of DMS; none if DMS reports that nothing was found."""
        marker: Mapping[str, str] = {}
        while True:
            try:
                answer = self.dms(operation, MaxRecords=_PAGE, **parameters, **marker)
            except ResourceGoneError:
                return
            yield from answer.get(listing, [])
            if not answer.get("Marker"):
                return
            marker = {"Marker": answer["Marker"]}

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            session: Any = boto3.session.Session(
                aws_access_key_id=self._access.access_key,
                aws_secret_access_key=self._access.secret_key,
                region_name=self.region,
            )
            attempts = 2 if self.local else self._attempts
            config = Config(
                connect_timeout=min(_CONNECT_SECONDS, self._answer_seconds),
                read_timeout=self._answer_seconds,
                proxies={} if self.local else None,  # a proxy cannot reach this machine's loopback
                # a local endpoint that does not answer at once will not answer later either
                retries={"mode": "standard", "total_max_attempts": attempts},
            )
            self._clients[service] = session.client(
                service, endpoint_url=self._access.endpoint_url, config=config
            )
        return self._clients[service]

    def _where(self, service: str) -> str:
        return self._access.endpoint_url or f"{service} in region {self.region}"


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


_SPECIAL: dict[str, type[MoverError]] = {
    "ResourceNotFoundFault": ResourceGoneError,
    "ResourceAlreadyExistsFault": ResourceExistsError,
}
