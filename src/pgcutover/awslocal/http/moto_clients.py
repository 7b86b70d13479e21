"""The other AWS services as DMS uses them: its own port, answered by moto."""

from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

_REGION = "us-east-1"


class Cloud:
    """Secrets Manager, CloudWatch and Logs of this process, region by region."""

    def __init__(self, url: str) -> None:
        """`url` is this very process's address."""
        self._url = url
        self._clients: dict[tuple[str, str], Any] = {}

    def secret(self, region: str, secret_id: str) -> str:
        """The current text of a secret."""
        client = self.client("secretsmanager", region)
        answer = client.get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
        return str(answer["SecretString"])

    def client(self, service: str, region: str) -> Any:
        """A client that never reaches a real account or a proxy."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(
                service,
                region_name=region,
                endpoint_url=self._url,
                config=Config(proxies={}, connect_timeout=5, read_timeout=30),
            )
        return self._clients[service, region]

    @cached_property
    def _session(self) -> Any:
        return boto3.session.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - moto takes any
            region_name=_REGION,
        )
