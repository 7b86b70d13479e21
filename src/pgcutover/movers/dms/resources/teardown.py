"""Deletes the objects that provisioning created, and names what still costs money."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pgcutover.errors import MoverError
from pgcutover.movers.dms.client import Api, ResourceGoneError
from pgcutover.movers.dms.load import stop
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.resources.provision import Blueprint, spec_builders
from pgcutover.movers.dms.resources.resource_kinds import INSTANCE, TASK, find
from pgcutover.movers.dms.resources.specs import ObjectSpec

_DELETE_SECONDS = 1_800
_COSTS = {
    "replication instance": "billed by the hour while it exists",
    "task": "holds a replication slot on the source, whose WAL grows",
}
_BY_HAND = (
    "the secrets in Secrets Manager, the CloudWatch log group of the replication instance, and the "
    "RDS target are not deleted and still cost money"
)
_SLOT = "check pg_replication_slots on the source: a slot that DMS left retains WAL without limit"


@dataclass(frozen=True, slots=True)
class TeardownResult:
    """Deleted objects, and the others with the reason why they remain."""

    deleted: tuple[str, ...]
    left: tuple[str, ...]


def teardown(
    api: Api, blueprint: Blueprint, progress: Callable[[str], None], poll_seconds: float
) -> TeardownResult:
    """Delete the objects in reverse order; those that were changed since remain and are named."""
    items = _existing(api, blueprint)
    deleted: list[str] = []
    left: list[str] = []
    for item, found in reversed(items):
        reason = _reason_to_keep(api, item, found)
        if reason:
            left.append(f"{item}: {reason}{_price(item)}")
            continue
        progress(f"deleting {item}")
        try:
            _delete(api, item, found, progress, poll_seconds)
        except MoverError as error:
            left.append(f"{item}: {error}{_price(item)}")
        else:
            deleted.append(str(item))
    return TeardownResult(tuple(deleted), (*left, _BY_HAND, _SLOT))


def _existing(api: Api, blueprint: Blueprint) -> list[tuple[ObjectSpec, Mapping[str, Any]]]:
    arns: dict[str, str | None] = {}
    items = []
    for role, build in spec_builders(blueprint):
        item = build(arns)
        found = find(api, item.kind, item.identifier)
        arns[role] = str(found[item.kind.arn_key]) if found else None
        if found:
            items.append((item, found))
    return items


def _reason_to_keep(api: Api, item: ObjectSpec, found: Mapping[str, Any]) -> str:
    if differences := item.differences(found):
        return f"changed since this migration created it ({'; '.join(map(str, differences))})"
    if item.kind is INSTANCE:
        filters = [{"Name": "replication-instance-arn", "Values": [found[INSTANCE.arn_key]]}]
        others = [
            str(task[TASK.id_key])
            for task in api.pages(TASK.describe, TASK.listing, Filters=filters)
        ]
        return f"used by task {', '.join(others)}" if others else ""
    return ""


def _delete(
    api: Api,
    item: ObjectSpec,
    found: Mapping[str, Any],
    progress: Callable[[str], None],
    poll_seconds: float,
) -> None:
    if item.kind is TASK:
        stop(api, item.identifier, progress, poll_seconds)
    try:
        api.dms(item.kind.delete_operation, **{item.kind.arn_key: found[item.kind.arn_key]})
    except ResourceGoneError:
        return
    wait_for(
        lambda: True if find(api, item.kind, item.identifier) is None else None,
        what=f"deletion of {item}",
        timeout_seconds=_DELETE_SECONDS,
        poll_seconds=poll_seconds,
    )


def _price(item: ObjectSpec) -> str:
    cost = _COSTS.get(item.kind.title)
    return f"; {cost}" if cost else ""
