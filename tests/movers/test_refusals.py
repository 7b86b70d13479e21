"""Test that provisioning errors say expected, found and what to do, and contain no secret."""

from dataclasses import replace

import pytest
import trustme

from pgcutover.context import AwsAccess
from pgcutover.errors import MoverError

WRONG = "wr0ng-Passw0rd-7319"


def refusal(action, *needed):
    with pytest.raises(MoverError) as caught:
        action()
    message = str(caught.value)
    assert WRONG not in message
    assert "Traceback" not in message
    assert "\n" not in message
    for part in needed:
        assert part in message
    return message


def test_without_provision_everything_missing_is_named(unprovisioned):
    message = refusal(unprovisioned.mover(may_create=False).provision, "--provision")
    for name in ("subnet_group", "replication_instance", "source_endpoint", "task"):
        assert repr(getattr(unprovisioned.settings, name)) in message
    assert unprovisioned.lines == []


def test_reading_mover_starts_stops_and_deletes_nothing(unprovisioned):
    mover = unprovisioned.mover(may_create=False)
    calls = [mover.start, mover.resume, mover.stop]
    for call in [*calls, lambda: mover.teardown(confirm=unprovisioned.settings.task)]:
        refusal(call, "only reads", "--provision")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_wrong_password_is_reported_without_it(unprovisioned, side):
    unprovisioned.store_secret(side, password=WRONG)
    message = refusal(
        unprovisioned.mover().provision, f"cannot connect to the {side} database", "secret"
    )
    assert "password authentication failed" in message


def test_a_wrong_ca_is_reported(unprovisioned):
    other = trustme.CA().cert_pem.bytes().decode("ascii")
    refusal(
        unprovisioned.mover(target_ca_pem=other).provision,
        "cannot connect to the target database",
        "certificate",
    )


def test_text_that_is_no_certificate_is_refused_before_anything_is_created(unprovisioned):
    refusal(unprovisioned.mover(source_ca_pem="no pem").provision, "no PEM certificate", "source")
    assert unprovisioned.lines == []


def test_certificate_that_neither_exists_nor_has_a_file(unprovisioned):
    refusal(
        unprovisioned.mover(source_ca_pem=None).provision,
        unprovisioned.settings.source_certificate,
        "source_ca_file",
    )


def test_missing_secret_is_named(unprovisioned):
    settings = {"source_secret_id": "kgc/nowhere"}
    refusal(unprovisioned.mover(settings=settings).provision, "kgc/nowhere", "get_secret_value")


def test_a_secret_without_a_database_name_is_reported_without_content(unprovisioned):
    unprovisioned.store_secret("target", dbname=None, password=WRONG)
    refusal(unprovisioned.mover().plan, unprovisioned.settings.target_secret_id, "dbname")


def test_endpoint_that_leads_elsewhere_is_refused(unprovisioned):
    unprovisioned.client("dms").create_endpoint(
        EndpointIdentifier=unprovisioned.settings.target_endpoint,
        EndpointType="target",
        EngineName="postgres",
        ServerName="other.example.org",
        Port=5432,
        Username="someone",
        Password=WRONG,
        DatabaseName="elsewhere",
    )
    message = refusal(
        unprovisioned.mover().provision,
        repr(unprovisioned.settings.target_endpoint),
        "SslMode: expected 'verify-full', found 'none'",
        "SecretsManagerSecretId",
        "delete",
    )
    assert "found 'elsewhere'" in message
    assert unprovisioned.lines == []


def test_task_with_other_mappings_is_refused(provisioned):
    other = {
        "rules": [
            {
                "rule-type": "selection",
                "rule-id": "9",
                "rule-name": "only-users",
                "object-locator": {"schema-name": "public", "table-name": "users"},
                "rule-action": "include",
            }
        ]
    }
    refusal(provisioned.mover(mappings=other).provision, provisioned.settings.task, "only-users")


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"replication_instance_class": "dms.r5.large"}, "ReplicationInstanceClass"),
        ({"allocated_storage_gb": 500}, "AllocatedStorage: expected 500, found 50"),
        ({"subnet_ids": ("subnet-0a1b2c3d4e5f60001", "subnet-0fffffffffff60003")}, "subnets"),
        (
            {"secrets_role_arn": "arn:aws:iam::123456789012:role/other"},
            "SecretsManagerAccessRoleArn",
        ),
        ({"source_secret_id": "{target_secret_id}"}, "SecretsManagerSecretId"),
    ],
)
def test_existing_object_with_other_settings_is_refused(provisioned, change, needed):
    names = {"target_secret_id": provisioned.settings.target_secret_id}
    change = {k: v.format(**names) if isinstance(v, str) else v for k, v in change.items()}
    refusal(provisioned.mover(settings=change).provision, needed, "expected", "found")


def test_certificate_with_other_content_is_refused(provisioned):
    other = trustme.CA().cert_pem.bytes().decode("ascii")
    refusal(
        provisioned.mover(source_ca_pem=other).provision,
        provisioned.settings.source_certificate,
        "content",
    )


def test_an_unreachable_endpoint_is_reported_after_one_retry(provisioned, monkeypatch):
    nowhere = replace(provisioned.aws, endpoint_url="http://127.0.0.1:9")
    delays = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", delays.append)
    refusal(provisioned.mover(aws=nowhere).plan, "127.0.0.1:9 did not answer", "try again")
    assert len(delays) == 1


def test_missing_credentials_are_reported(provisioned):
    anonymous = AwsAccess(provisioned.aws.endpoint_url)
    refusal(provisioned.mover(aws=anonymous).plan, "no usable AWS credentials", "AWS_PROFILE")


def test_an_unknown_profile_is_reported(provisioned, monkeypatch):
    with monkeypatch.context() as environment:
        environment.setenv("AWS_PROFILE", "not-there")
        anonymous = AwsAccess(provisioned.aws.endpoint_url)
        refusal(provisioned.mover(aws=anonymous).plan, "no usable AWS credentials", "not-there")


def test_task_that_does_not_exist_is_named(unprovisioned):
    refusal(unprovisioned.mover().status, repr(unprovisioned.settings.task), "--provision")
