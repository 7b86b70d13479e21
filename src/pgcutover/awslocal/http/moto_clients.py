"""Clients of the other AWS services that DMS uses; moto answers them on the same port."""

from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

_REGION = "us-east-1"


class AwsClients:
    """Secrets Manager, CloudWatch and Logs clients of this process, one per region."""

    def __init__(self, url: str) -> None:
        """`url` is this process's own address."""
        self._url = url
        self._clients: dict[tuple[str, str], Any] = {}

    def secret(self, region: str, secret_id: str) -> str:
        """Return the current text of a secret."""
        client = self.client("secretsmanager", region)
        answer = client.get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
        return str(answer["SecretString"])

    def client(self, service: str, region: str) -> Any:
        """Return a client that never reaches a real account or a proxy."""
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
