"""Connects to an endpoint as DMS does: credentials, TLS, pinned output settings."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from pgcutover.awslocal.http.moto_clients import AwsClients
from pgcutover.awslocal.http.store import Record, Store
from pgcutover.text.redact import without_passwords

Connection = psycopg.Connection[tuple[Any, ...]]
CONNECT_SECONDS = 15
# a value must be read and written as the same text
_SESSION = {
    "application_name": "awsdms",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "search_path": "pg_catalog",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
}
_SSL_MODES = {"none": "disable"}


class EndpointError(Exception):
    """An endpoint cannot be reached or used; the message contains no password."""


@dataclass(frozen=True, slots=True)
class EndpointAddress:
    """An endpoint's address and credentials."""

    parameters: dict[str, str] = field(repr=False)
    after_connect: str = ""

    def connect(self, **extra: Any) -> Connection:
        """Open a session with pinned output settings; EndpointError carries libpq's message."""
        try:
            connection = psycopg.connect(**{**self.parameters, **extra}, autocommit=True)
        except psycopg.Error as error:
            raise EndpointError(self._clean(error)) from None
        if "replication" not in extra:
            self._pin(connection)
        return connection

    def _pin(self, connection: Connection) -> None:
        try:
            connection.execute(
                "select set_config(name, value, false) from unnest(%s::text[], %s::text[])"
                " as setting (name, value)",
                (list(_SESSION), list(_SESSION.values())),
            )
            if self.after_connect:
                connection.execute(self.after_connect.encode())
        except psycopg.Error as error:
            connection.close()
            raise EndpointError(self._clean(error)) from None

    def _clean(self, error: Exception) -> str:
        text = without_passwords(str(error)).strip()
        return text.replace(self.parameters["password"], "***")


def endpoint_address(
    endpoint: Record, store: Store, cloud: AwsClients, state_dir: Path
) -> EndpointAddress:
    """Return an endpoint's address and credentials; reads its secret."""
    settings = endpoint.hidden["settings"]
    who = settings
    if settings.get("SecretsManagerSecretId"):
        who = _from_secret(cloud, endpoint.region, settings["SecretsManagerSecretId"])
    parameters = {
        "host": str(who["ServerName"]),
        "port": str(who["Port"]),
        "user": str(who["Username"]),
        "password": str(who["Password"]),
        "dbname": settings["DatabaseName"],
        "connect_timeout": str(CONNECT_SECONDS),
        "keepalives_idle": "30",
        "gssencmode": "disable",
        **_tls(endpoint, store, state_dir),
    }
    return EndpointAddress(parameters, settings.get("AfterConnectScript", ""))


def _from_secret(cloud: AwsClients, region: str, secret_id: str) -> dict[str, Any]:
    try:
        secret = json.loads(cloud.secret(region, secret_id))
        names = {"ServerName": "host", "Port": "port", "Username": "username"}
        found = {member: secret[key] for member, key in names.items()}
        return found | {"Password": secret["password"]}
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise EndpointError(f"Secrets Manager secret {secret_id}: {code}") from None
    except BotoCoreError as error:
        raise EndpointError(f"Secrets Manager: {type(error).__name__}") from None
    except (ValueError, TypeError):
        raise EndpointError(f"Secrets Manager secret {secret_id} is not a JSON object") from None
    except KeyError as error:
        raise EndpointError(f"Secrets Manager secret {secret_id} lacks {error.args[0]!r}") from None


def _tls(endpoint: Record, store: Store, state_dir: Path) -> dict[str, str]:
    mode = endpoint.wire["SslMode"]
    tls = {"sslmode": _SSL_MODES.get(mode, mode)}
    arn = endpoint.wire.get("CertificateArn")
    if arn and mode.startswith("verify-"):
        with store.lock:
            certificate = store.get("cert", arn)
        file = state_dir / f"{certificate.resource_id}.pem"
        file.write_text(certificate.wire["CertificatePem"], "utf-8")
        tls["sslrootcert"] = str(file)
    return tls
