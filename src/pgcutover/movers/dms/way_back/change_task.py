"""A task of type `cdc` that carries the changes of a slot from one side to the other.

AWS DMS API reference, PostgreSQLSettings and CreateReplicationTask: with the endpoint setting
SlotName, CdcStartPosition is where the task begins in a slot that exists. DMS reads slots of
test_decoding.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pgcutover.config import DmsSettings
from pgcutover.errors import MoverError
from pgcutover.movers.dms import load
from pgcutover.movers.dms.client import Api, ResourceGoneError
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.resources import provision, specs
from pgcutover.movers.dms.resources.resource_kinds import (
    CERTIFICATE,
    ENDPOINT,
    INSTANCE,
    TASK,
    Kind,
    find,
)
from pgcutover.movers.dms.task_status import read_task

SIDES = provision.SIDES
_DELETE_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class ChangeStream:
    """The side that is read, its slot and position in it, and the table mappings."""

    writer: str
    slot: str
    position: str
    mappings: object


@dataclass(frozen=True, slots=True)
class ChangeTasks:
    """The tasks of one migration that carry changes, at most one for each side that is read."""

    api: Api
    settings: DmsSettings
    progress: Callable[[str], None]
    poll_seconds: float

    def begin(self, stream: ChangeStream) -> None:
        """Create the stream's task and start it; one that runs already is left alone."""
        name = self.name(stream.writer)
        found = find(self.api, TASK, name)
        if found is not None and found.get("Status") in ("running", "starting"):
            return
        if found is not None:  # of an earlier opening: its position is not this one's
            self._delete(TASK, name)
        instance = self._arn(INSTANCE, self.settings.replication_instance)
        ends = {kind: self._endpoint(stream, kind) for kind in SIDES}
        self._test(instance, ends)
        self.progress(f"creating task {name}")
        self.api.dms(
            "create_replication_task",
            ReplicationTaskIdentifier=name,
            SourceEndpointArn=ends["source"],
            TargetEndpointArn=ends["target"],
            ReplicationInstanceArn=instance,
            MigrationType="cdc",
            CdcStartPosition=stream.position,
            TableMappings=json.dumps(stream.mappings),
            ReplicationTaskSettings=json.dumps(self._task_settings()),
        )
        load.start(self.api, name, self.progress, self.poll_seconds)

    def end(self, writer: str) -> None:
        """Stop every task that reads a side; a stopped task holds its slot, and writes nothing."""
        for name in self._readers(writer):
            if find(self.api, TASK, name) is not None:
                load.stop(self.api, name, self.progress, self.poll_seconds)

    def is_running(self, writer: str) -> bool:
        """Return whether a task that reads the side runs."""
        found = (find(self.api, TASK, name) for name in self._readers(writer))
        return any(task is not None and task.get("Status") == "running" for task in found)

    def remove(self) -> None:
        """Delete the tasks of both directions, and their endpoints."""
        for writer in SIDES:
            self.end(writer)
            self._delete(TASK, self.name(writer))
            for kind in SIDES:
                self._delete(ENDPOINT, self._endpoint_name(writer, kind))

    def name(self, writer: str) -> str:
        """Return the name of the task that reads a side after the first cutover."""
        return f"{self.settings.task}-from-{writer}"

    def _readers(self, writer: str) -> tuple[str, ...]:
        """Return the names of all tasks that read a side: the source's first one loaded it."""
        own = self.name(writer)
        return (self.settings.task, own) if writer == "source" else (own,)

    def _endpoint_name(self, writer: str, kind: str) -> str:
        return f"{self.name(writer)}-{kind}"

    def _endpoint(self, stream: ChangeStream, kind: str) -> str:
        """Return the ARN of the endpoint by which a side is read or written; create it."""
        side = stream.writer if kind == "source" else SIDES[stream.writer == "source"]
        name = self._endpoint_name(stream.writer, kind)
        item = specs.endpoint(
            self.settings,
            side,
            certificate_arn=self._arn(CERTIFICATE, self._certificate(side)),
            database=provision.database_in_secret(self.api, specs.secret_id(self.settings, side)),
            kind=kind,
            identifier=name,
        )
        if kind == "source":
            item = replace(item, parameters=_with_slot(item.parameters or {}, stream.slot))
        return provision.ensure(self.api, item, self.progress)

    def _certificate(self, side: str) -> str:
        names = {
            "source": self.settings.source_certificate,
            "target": self.settings.target_certificate,
        }
        return names[side]

    def _test(self, instance: str, ends: Mapping[str, str]) -> None:
        for arn in ends.values():
            self.api.dms("test_connection", ReplicationInstanceArn=instance, EndpointArn=arn)
        for kind, arn in ends.items():
            wait_for(
                partial(provision.is_reached, self.api, instance, arn, kind),
                what=f"connection test of the endpoint by which the {kind} is reached",
                timeout_seconds=provision.CONNECTION_SECONDS,
                poll_seconds=self.poll_seconds,
            )

    def _task_settings(self) -> dict[str, Any]:
        """Return the settings of the loading task, without what only a load knows.

        Validation compares table by table, which the partitions of one table are not.
        """
        settings = dict(read_task(self.api, self.settings.task).settings)
        logging = dict(settings.get("Logging") or {})
        for key in ("CloudWatchLogGroup", "CloudWatchLogStream"):  # of the other task
            logging.pop(key, None)
        load_settings = dict(settings.get("FullLoadSettings") or {})
        stops = ("StopTaskCachedChangesApplied", "StopTaskCachedChangesNotApplied")
        load_settings |= dict.fromkeys(stops, False)
        validation = {**(settings.get("ValidationSettings") or {}), "EnableValidation": False}
        return {
            **settings,
            "Logging": logging,
            "FullLoadSettings": load_settings,
            "ValidationSettings": validation,
        }

    def _arn(self, kind: Kind, name: str) -> str:
        found = find(self.api, kind, name)
        if found is None:
            raise MoverError(
                f"DMS has no {kind.title} {name!r}, which the way back needs; create it, as "
                "--provision does"
            )
        return str(found[kind.arn_key])

    def _delete(self, kind: Kind, name: str) -> None:
        found = find(self.api, kind, name)
        if found is None:
            return
        self.progress(f"deleting {kind.title} {name}")
        try:
            self.api.dms(kind.delete_operation, **{kind.arn_key: found[kind.arn_key]})
        except ResourceGoneError:
            return
        wait_for(
            lambda: True if find(self.api, kind, name) is None else None,
            what=f"deletion of {kind.title} {name!r}",
            timeout_seconds=_DELETE_SECONDS,
            poll_seconds=self.poll_seconds,
        )


def _with_slot(parameters: Mapping[str, Any], slot: str) -> dict[str, Any]:
    settings = {**parameters["PostgreSQLSettings"], "SlotName": slot, "PluginName": "test-decoding"}
    return {**parameters, "PostgreSQLSettings": settings}
