"""Creates the DMS objects in order; an existing object is used if it has the same settings."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pgcutover.config import DmsSettings
from pgcutover.errors import MoverError
from pgcutover.movers.dms.aws_text import public_text
from pgcutover.movers.dms.client import Api, ResourceExistsError
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.resources import specs
from pgcutover.movers.dms.resources.resource_kinds import INSTANCE, TASK, find
from pgcutover.movers.dms.resources.specs import Difference, ObjectSpec

_INSTANCE_SECONDS = 3_600
CONNECTION_SECONDS = 600
_TASK_SECONDS = 600
_UNUSABLE = {
    "deleting",
    "failed",
    "storage-full",
    "incompatible-credentials",
    "incompatible-network",
    "inaccessible-encryption-credentials",
}
SIDES = ("source", "target")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The user's settings and documents, from which the specifications are made."""

    settings: DmsSettings
    mappings: object
    task_settings: object
    pems: Mapping[str, str | None]
    databases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """An object, and what provisioning does with it."""

    object: str
    action: str  # "keep", "create", "conflict" or "missing"
    differences: tuple[Difference, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        """Action, object and details on one line."""
        return f"{self.action:9}{self.object}" + "".join(f"; {d}" for d in self._details())

    def _details(self) -> Iterator[str]:
        yield from (str(d) for d in self.differences)
        if self.detail:
            yield self.detail


Builder = Callable[[Mapping[str, str | None]], ObjectSpec]


def spec_builders(blueprint: Blueprint) -> tuple[tuple[str, Builder], ...]:
    """Return the roles in order of creation, with the specification of each by the ARNs so far."""
    settings = blueprint.settings
    return (
        ("subnet group", lambda _: specs.subnet_group(settings)),
        ("replication instance", lambda _: specs.instance(settings)),
        *((f"{side} certificate", _certificate(blueprint, side)) for side in SIDES),
        *((f"{side} endpoint", _endpoint(blueprint, side)) for side in SIDES),
        ("task", lambda arns: _task(blueprint, arns)),
    )


def plan(api: Api, blueprint: Blueprint) -> tuple[PlannedStep, ...]:
    """Return the steps of provisioning; only describe calls are made."""
    arns: dict[str, str | None] = {}
    steps = []
    for role, build in spec_builders(blueprint):
        item = build(arns)
        found = find(api, item.kind, item.identifier)
        arns[role] = str(found[item.kind.arn_key]) if found else None
        steps.append(_plan_step(item, found))
    return tuple(steps)


def provision(
    api: Api,
    blueprint: Blueprint,
    *,
    may_create: bool,
    progress: Callable[[str], None],
    poll_seconds: float,
) -> tuple[PlannedStep, ...]:
    """Create missing objects, wait until the task can be started, and return the steps."""
    steps = plan(api, blueprint)
    _refuse(steps, may_create=may_create)
    arns: dict[str, str] = {}
    for role, build in spec_builders(blueprint):
        if role == "task":
            _test_connections(api, blueprint, arns, progress, poll_seconds)
        arns[role] = ensure(api, build(arns), progress)
        if role == "replication instance":
            _wait_for_instance(api, arns[role], blueprint.settings, progress, poll_seconds)
    _wait_for_task(api, blueprint.settings.task, poll_seconds)
    return steps


def database_in_secret(api: Api, secret_id: str) -> str:
    """Return the `dbname` of a secret; nothing else of it is kept."""
    try:
        answer = api.call(
            "secretsmanager", "get_secret_value", SecretId=secret_id, VersionStage="AWSCURRENT"
        )
    except MoverError as error:
        raise MoverError(f"secret {secret_id!r} cannot be read: {error}") from error
    try:
        name = json.loads(answer.get("SecretString") or "").get("dbname")
    except (ValueError, AttributeError):
        name = None  # the decoder's message would quote the secret
    if not isinstance(name, str) or not name:
        raise MoverError(
            f"secret {secret_id!r}: expected a JSON object with host, port, username, password and "
            "dbname; found no dbname, add it"
        )
    return name


def _certificate(blueprint: Blueprint, side: str) -> Builder:
    identifiers = {
        "source": blueprint.settings.source_certificate,
        "target": blueprint.settings.target_certificate,
    }
    return lambda _: specs.certificate(identifiers[side], blueprint.pems[side])


def _endpoint(blueprint: Blueprint, side: str) -> Builder:
    return lambda arns: specs.endpoint(
        blueprint.settings,
        side,
        certificate_arn=arns[f"{side} certificate"],
        database=blueprint.databases[side],
    )


def _task(blueprint: Blueprint, arns: Mapping[str, str | None]) -> ObjectSpec:
    return specs.task(blueprint.settings, arns, blueprint.mappings, blueprint.task_settings)


def _plan_step(item: ObjectSpec, found: Mapping[str, Any] | None) -> PlannedStep:
    if found is not None:
        differences = item.differences(found)
        return PlannedStep(str(item), "conflict" if differences else "keep", differences)
    if item.parameters is None:
        return PlannedStep(str(item), "missing", detail="no CA file is configured to import")
    return PlannedStep(str(item), "create")


def _refuse(steps: tuple[PlannedStep, ...], *, may_create: bool) -> None:
    conflicts = [step for step in steps if step.action == "conflict"]
    if conflicts:
        told = "; ".join(
            f"{s.object} exists, but {', '.join(map(str, s.differences))}" for s in conflicts
        )
        raise MoverError(
            f"{told}; correct migration.toml, or change or delete what exists, then try again"
        )
    missing = [step.object for step in steps if step.action == "missing"]
    if missing:
        raise MoverError(
            f"{', '.join(missing)} does not exist and cannot be imported: name the PEM file of the "
            "CA as source_ca_file / target_ca_file in mover.dms"
        )
    absent = [step.object for step in steps if step.action == "create"]
    if absent and not may_create:
        raise MoverError(
            f"DMS has no {', no '.join(absent)}; run with --provision to create what is missing"
        )


def ensure(api: Api, item: ObjectSpec, progress: Callable[[str], None]) -> str:
    """Return the ARN of the object, which is created if missing."""
    found = find(api, item.kind, item.identifier)
    if found is None and item.parameters is not None:
        progress(f"creating {item}")
        try:
            answer = api.dms(item.kind.create_operation, **item.parameters)
        except ResourceExistsError:  # another run was faster; its object is compared below
            found = find(api, item.kind, item.identifier)
        else:
            return str(answer[item.kind.noun][item.kind.arn_key])
    if found is None:
        raise MoverError(f"{item}: disappeared during provisioning; try again")
    if differences := item.differences(found):
        raise MoverError(f"{item} exists, but {'; '.join(map(str, differences))}")
    return str(found[item.kind.arn_key])


def _wait_for_instance(
    api: Api,
    arn: str,
    settings: DmsSettings,
    progress: Callable[[str], None],
    poll_seconds: float,
) -> None:
    name, said = settings.replication_instance, ""

    def available() -> bool | None:
        nonlocal said
        found = find(api, INSTANCE, name)
        status = found.get(INSTANCE.status_key, "") if found else "deleted"
        if status in _UNUSABLE or found is None:
            raise MoverError(
                f"replication instance {name!r} is {status}; expected available. Repair it in the "
                "DMS console or delete it, then try again"
            )
        if status not in (said, "available"):
            progress(f"replication instance {name} is {status}")
            said = status
        return True if status == "available" else None

    wait_for(
        available,
        what=f"replication instance {name!r}",
        timeout_seconds=_INSTANCE_SECONDS,
        poll_seconds=poll_seconds,
    )


def _test_connections(
    api: Api,
    blueprint: Blueprint,
    arns: Mapping[str, str],
    progress: Callable[[str], None],
    poll_seconds: float,
) -> None:
    """Test both connections at once; the first failure is reported in the words of DMS."""
    instance = arns["replication instance"]
    for side in SIDES:
        api.dms(
            "test_connection",
            ReplicationInstanceArn=instance,
            EndpointArn=arns[f"{side} endpoint"],
        )
    for side in SIDES:
        wait_for(
            partial(is_reached, api, instance, arns[f"{side} endpoint"], side),
            what=f"connection test of the {side} endpoint",
            timeout_seconds=CONNECTION_SECONDS,
            poll_seconds=poll_seconds,
        )
        progress(f"DMS reaches the {side} database")


def is_reached(api: Api, instance: str, endpoint: str, side: str) -> bool | None:
    """Return True if the connection test succeeded, None while it runs; MoverError if it failed."""
    filters = [{"Name": "endpoint-arn", "Values": [endpoint]}]
    for connection in api.pages("describe_connections", "Connections", Filters=filters):
        if connection.get("ReplicationInstanceArn") != instance:
            continue
        if connection.get("Status") == "failed":
            raise MoverError(
                f"DMS cannot connect to the {side} database: "
                f"{public_text(connection.get('LastFailureMessage')) or 'no reason given'}; check "
                f"the {side} secret, the network between them, and the CA certificate"
            )
        return True if connection.get("Status") == "successful" else None
    return None


def _wait_for_task(api: Api, task: str, poll_seconds: float) -> None:
    def settled() -> bool | None:
        found = find(api, TASK, task) or {}
        return None if found.get("Status") in ("creating", "modifying", "testing") else True

    wait_for(
        settled, what=f"task {task!r}", timeout_seconds=_TASK_SECONDS, poll_seconds=poll_seconds
    )
