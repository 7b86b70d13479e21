"""Test that connections are really tested, and that no password appears anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest
import trustme
from awslocal.rig import ROLE, Workshop, both, client, make_instance
from botocore.exceptions import ClientError
from support.servers import Databases

from pgcutover.awslocal.http.process import AwsEndpoint

WRONG = "hunter2-wrong"


def failure(workshop: Workshop, endpoint: str) -> str:
    found = workshop.test(endpoint)
    assert found["Status"] == "failed"
    return str(found["LastFailureMessage"])


def test_each_way_to_fail_is_named_and_the_right_endpoint_connects(workshop: Workshop) -> None:
    stranger = workshop.dms.import_certificate(
        CertificateIdentifier="stranger", CertificatePem=trustme.CA().cert_pem.bytes().decode()
    )["Certificate"]["CertificateArn"]
    expected = {
        workshop.endpoint("source", password=WRONG): "password authentication failed",
        workshop.endpoint("source", certificate=stranger): "certificate verify failed",
        workshop.endpoint("source", port="1"): "refused",
        nowhere(workshop): 'database "nowhere" does not exist',
        with_secret(workshop, "no/such"): "no/such: ResourceNotFoundException",
        with_secret(workshop, secret_text(workshop, "not json")): "is not a JSON object",
        with_secret(workshop, secret_text(workshop, '{"host": "x"}')): "lacks 'port'",
        workshop.endpoint("target", settings={"AfterConnectScript": "select 1/0"}): "by zero",
    }
    right = workshop.endpoint("source")
    for endpoint in (*expected, right):
        workshop.begin_test(endpoint)
    for endpoint, reason in expected.items():
        found = workshop.tested(endpoint)
        assert found["Status"] == "failed"
        assert reason in found["LastFailureMessage"]
        assert WRONG not in found["LastFailureMessage"]
    assert workshop.tested(right)["Status"] == "successful"


def nowhere(workshop: Workshop) -> str:
    endpoint = workshop.endpoint("source")
    workshop.dms.modify_endpoint(EndpointArn=endpoint, DatabaseName="nowhere")
    return endpoint


def with_secret(workshop: Workshop, name: str) -> str:
    endpoint = workshop.endpoint("source")
    settings = {"SecretsManagerSecretId": name}
    workshop.dms.modify_endpoint(EndpointArn=endpoint, PostgreSQLSettings=settings)
    return endpoint


def secret_text(workshop: Workshop, text: str) -> str:
    name = workshop.secret(workshop.databases.servers.source)
    client(workshop.url, "secretsmanager").put_secret_value(SecretId=name, SecretString=text)
    return name


def test_clear_text_credentials_and_every_ssl_mode(workshop: Workshop) -> None:
    server = workshop.databases.servers.source
    for mode, fits in (("none", False), ("require", True), ("verify-ca", True)):
        answer = workshop.dms.create_endpoint(
            EndpointIdentifier=f"clear-{mode}",
            EndpointType="source",
            EngineName="postgres",
            ServerName=server.host,
            Port=server.port,
            Username=server.superuser,
            Password=server.password,
            DatabaseName=workshop.databases.name,
            SslMode=mode,
            CertificateArn=workshop.certificate(server),
        )
        found = workshop.test(answer["Endpoint"]["EndpointArn"])
        assert (found["Status"] == "successful") is fits, found
        assert server.password not in json.dumps(answer, default=str)


def test_a_task_starts_only_behind_tested_connections(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    source = task.describe()["SourceEndpointArn"]
    workshop.dms.delete_connection(ReplicationInstanceArn=workshop.instance, EndpointArn=source)
    with pytest.raises(ClientError, match="Test connection for replication instance and endpoint"):
        task.start()
    assert workshop.test(source)["Status"] == "successful"
    task.start()
    task.loaded()


def test_a_password_that_changes_after_the_test_fails_the_task(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    name, text = list(workshop.secrets.items())[-1]
    client(workshop.url, "secretsmanager").put_secret_value(
        SecretId=name, SecretString=json.dumps({**json.loads(text), "password": WRONG})
    )
    task.start()
    message = task.ended("failed")["LastFailureMessage"]
    assert "password authentication failed" in message
    assert WRONG not in message


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"EngineName": "mysql"}, "moves postgres"),
        ({"Username": "u"}, "exclude each other"),
        ({"SslMode": "verify-full", "CertificateArn": ""}, "requires a CertificateArn"),
        ({"ExtraConnectionAttributes": "babel=1"}, "'babel' is not implemented"),
        ({"EndpointIdentifier": "-bad-"}, "must begin with a letter"),
        ({"SslMode": "sometimes"}, "SslMode must be one of none"),
        ({"S3Settings": {"BucketName": "b"}}, "S3Settings: not for a PostgreSQL endpoint"),
        ({"PostgreSQLSettings": {"SecretsManagerSecretId": "x"}}, "AccessRoleArn"),
        ({"PostgreSQLSettings": {}}, "ServerName, Port, Username, Password is required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_endpoints_are_refused(dms: Any, changed: dict[str, object], reason: str) -> None:
    request = {
        "EndpointIdentifier": "e",
        "EndpointType": "source",
        "EngineName": "postgres",
        "DatabaseName": "d",
        "PostgreSQLSettings": {
            "SecretsManagerSecretId": "x",
            "SecretsManagerAccessRoleArn": ROLE,
        },
    } | changed
    with pytest.raises(ClientError, match=reason):
        dms.create_endpoint(**request)


def test_no_password_in_any_file_or_answer(
    own_aws: AwsEndpoint, databases: Databases, tmp_path: Path
) -> None:
    workshop = Workshop(own_aws.url, "", databases)
    workshop.instance = make_instance(workshop.dms)
    both(databases, "create table public.t (id int primary key)")
    failure(workshop, workshop.endpoint("source", password=WRONG))
    task = workshop.task(Logging={"EnableLogging": True})
    task.start()
    task.loaded()
    task.stop()
    shown = json.dumps([workshop.dms.describe_endpoints(), task.describe()], default=str)
    files = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    for password in (WRONG, databases.servers.source.password, databases.servers.target.password):
        assert password not in shown
        assert password not in files
    task.dms.delete_replication_task(ReplicationTaskArn=task.arn)
