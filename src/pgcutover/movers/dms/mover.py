"""AWS DMS as a mover: provisions, starts, watches, drains and checks it through boto3."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pgcutover.config import DmsSettings
from pgcutover.errors import MoverError
from pgcutover.mapping import MappedTable
from pgcutover.movers.dms import checks, drain, load
from pgcutover.movers.dms.checks import MoverDiff
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.drain import DrainResult, Lag
from pgcutover.movers.dms.load import LoadSummary
from pgcutover.movers.dms.open_transactions import read_open_transactions
from pgcutover.movers.dms.poll import poll_seconds
from pgcutover.movers.dms.resources import provision, teardown
from pgcutover.movers.dms.resources.provision import SIDES, Blueprint, PlannedStep
from pgcutover.movers.dms.resources.resource_kinds import ENDPOINT, INSTANCE, find
from pgcutover.movers.dms.resources.specs import endpoint_settings, secret_id
from pgcutover.movers.dms.resources.teardown import TeardownResult
from pgcutover.movers.dms.settings.lob_size import lob_columns
from pgcutover.movers.dms.settings.table_settings import judge_table_settings
from pgcutover.movers.dms.settings.workload import read_workload
from pgcutover.movers.dms.task_checks import TaskContext, judge_task
from pgcutover.movers.dms.task_status import TableStatistics, TaskStatus, read_tables, read_task
from pgcutover.movers.dms.wait_for_validation import (
    WaitPolicy,
    judge_table_when_final,
    make_row_counter,
    wait_until_validated,
)

if TYPE_CHECKING:
    from pgcutover.context import AwsAccess


@dataclass(frozen=True, slots=True)
class DmsReport:
    """Instance, task and tables at one moment, for the evidence of a run."""

    instance: str
    instance_class: str
    engine_version: str
    task: str
    task_status: str
    stop_reason: str
    last_failure: str
    tables: Mapping[str, Mapping[str, object]]


class Dms:
    """The DMS objects of one migration; every call can be repeated."""

    def __init__(
        self,
        settings: DmsSettings,
        *,
        mappings: object,
        task_settings: object,
        aws: "AwsAccess",
        source_ca_pem: str | None = None,
        target_ca_pem: str | None = None,
        source_database: str = "",
        target_database: str = "",
        may_create: bool = False,
        progress: Callable[[str], None] = lambda _: None,
        wait_seconds: float = 30.0,
    ) -> None:
        """Keep the arguments; nothing is called yet.

        A database name that is not given is read from its secret when endpoints are compared.
        """
        self._settings, self._say = settings, progress
        self._mappings, self._task_settings = mappings, task_settings
        self._pems = {"source": source_ca_pem, "target": target_ca_pem}
        self._databases = {"source": source_database, "target": target_database}
        self._may_create, self._wait_seconds = may_create, wait_seconds
        self._api = Api(settings.region, aws)
        self._poll = poll_seconds(self._api.local)

    def plan(self) -> tuple[PlannedStep, ...]:
        """Return the steps of provision(); nothing is changed."""
        return provision.plan(self._api, self._blueprint())

    def provision(self) -> tuple[PlannedStep, ...]:
        """Create missing objects, test both connections, and wait until the task can start."""
        return provision.provision(
            self._api,
            self._blueprint(),
            may_create=self._may_create,
            progress=self._say,
            poll_seconds=self._poll,
        )

    def start(self) -> None:
        """Start the full load, or continue an interrupted one."""
        self._refuse_reader("start the task")
        load.start(self._api, self._settings.task, self._say, self._poll)

    def wait_until_loaded(self, timeout_seconds: float) -> LoadSummary:
        """Wait until every table is loaded and the changes made during the load are applied."""
        return load.wait_until_loaded(
            self._api, self._settings.task, timeout_seconds, self._say, self._poll
        )

    def resume(self) -> None:
        """Resume the task after its stop, so that it applies changes."""
        self._refuse_reader("resume the task")
        load.resume(self._api, self._settings.task, self._say, self._poll)

    def stop(self) -> None:
        """Stop the task; it can be resumed."""
        self._refuse_reader("stop the task")
        load.stop(self._api, self._settings.task, self._say, self._poll)

    def status(self) -> TaskStatus:
        """Return the present state of the task."""
        return read_task(self._api, self._settings.task)

    def table_statistics(self) -> tuple[TableStatistics, ...]:
        """Return DMS's counters of every table, by name on the source."""
        return read_tables(self._api, self.status().arn)

    def lag(self) -> Lag:
        """Return DMS's latencies from CloudWatch."""
        settings = self._settings
        return drain.lag(self._api, settings.task, settings.replication_instance)

    def drain(
        self, write_marker: Callable[[], Callable[[], bool]], timeout_seconds: float
    ) -> DrainResult:
        """Write a marker on the source and wait for it on the target."""
        return drain.drain(
            self._api, self._settings.task, write_marker, timeout_seconds, self._poll
        )

    def wait_until_validated(self) -> bool:
        """Wait while the validation of DMS advances; return whether it has reached all tables."""
        arn = self.status().arn
        policy = WaitPolicy(self._wait_seconds)
        return wait_until_validated(lambda: read_tables(self._api, arn), policy, self._poll)

    def teardown(self, *, confirm: str = "") -> TeardownResult:
        """Delete the objects that provision() created; `confirm` must be the task's name."""
        self._refuse_reader("delete DMS objects")
        if confirm != self._settings.task:
            raise MoverError(
                f"teardown deletes the task, its endpoints and its replication instance; to do so, "
                f"confirm with the task's name {self._settings.task!r}, found {confirm!r}"
            )
        return teardown.teardown(self._api, self._blueprint(), self._say, self._poll)

    def report(self) -> DmsReport:
        """Return the present state of instance, task and tables."""
        task = self.status()
        instance = find(self._api, INSTANCE, self._settings.replication_instance) or {}
        return DmsReport(
            self._settings.replication_instance,
            str(instance.get("ReplicationInstanceClass", "unknown")),
            str(instance.get("EngineVersion", "unknown")),
            task.task,
            task.status,
            task.stop_reason,
            task.last_failure,
            {str(t.table): checks.table_facts(t) for t in read_tables(self._api, task.arn)},
        )

    def judge_task(
        self,
        source: "psycopg.Connection[Any]",
        target: "psycopg.Connection[Any]",
        tables: Iterable[MappedTable],
    ) -> MoverDiff:
        """Check the state of the task, and its settings against the rows that it moves."""
        task, known = self.status(), tuple(tables)
        lobs = lob_columns(source, known)
        return judge_task(
            task,
            TaskContext(
                lobs,
                read_workload(source, target, known, lobs, task.migration_type),
                self._endpoint_settings(),
                read_open_transactions(source),
                tuple(judge_table_settings(source, task.mappings, known)),
            ),
        )

    def judge_table(
        self,
        table: MappedTable,
        source: "psycopg.Connection[Any]",
        target: "psycopg.Connection[Any]",
    ) -> MoverDiff:
        """Check one table; wait while its validation, or the application of changes, advances."""
        arn = self.status().arn
        return judge_table_when_final(
            table,
            lambda: read_tables(self._api, arn),
            make_row_counter(table, source, target),
            WaitPolicy(self._wait_seconds),
            self._poll,
        )

    def _blueprint(self) -> Blueprint:
        databases = {
            side: self._databases[side]
            or provision.database_in_secret(self._api, secret_id(self._settings, side))
            for side in SIDES
        }
        return Blueprint(self._settings, self._mappings, self._task_settings, self._pems, databases)

    def _endpoint_settings(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for side in SIDES:
            name = getattr(self._settings, f"{side}_endpoint")
            settings = endpoint_settings(find(self._api, ENDPOINT, name) or {})
            found |= {f"{side} endpoint.{key}": value for key, value in settings.items()}
        return found

    def _refuse_reader(self, what: str) -> None:
        if not self._may_create:
            raise MoverError(
                f"this run only reads and so may not {what}; run with --provision to allow it"
            )
