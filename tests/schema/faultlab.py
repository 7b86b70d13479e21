"""A source with every kind of object, its dump on the target, and the expected schema.

They are built once per module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from compare.lab import FUNCTIONS, build_source, rule, rules, run
from support.servers import Pair, create_database, drop_database

import pgcutover.checks
from pgcutover.catalog import Manifest, read_manifest
from pgcutover.checking.registry import Check, find_checks
from pgcutover.connect import open_session
from pgcutover.connect.pinned import PINNED, set_local
from pgcutover.errors import PgCutoverError
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.schema.collect import excluded_tables
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.expected.build import Recipe, expected_schema
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS, Kind
from pgcutover.schema.kinds.extensions import EXTENSIONS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import collect_snapshot, quoted
from pgcutover.schema.stage import SchemaStage

ROLES = ("fault_app", "fault_owner")
SCHEMAS = [Path(__file__).with_name(f"faults_{name}.sql") for name in ("schema", "rest")]
MAPPING = [
    rule(1, "selection", "include", "app", "%"),
    rule(2, "selection", "exclude", "outside", "%"),
]
UNDUMPED = "create function pg_catalog.fault_mine() returns int language sql as 'select 1'"
CHECKS = tuple(
    c for c in find_checks(Path(pgcutover.checks.__path__[0])) if "schema_stage" in c.arguments
)
RUN_WIDE = tuple(c for c in CHECKS if c.arguments == ("schema_stage",))
"""The checks that are not about single objects."""


@dataclass(frozen=True, slots=True)
class Results:
    """The results of every check of the stage."""

    red: dict[str, str]
    unknown: dict[str, str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class FaultLab:
    """The pair, its template databases, and everything that all faults share."""

    pair: Pair
    source: str
    target_template: str
    session: psycopg.Connection[tuple[object, ...]]
    expected: Snapshot
    on_source: Snapshot
    compared: tuple[str, ...]
    manifest: Manifest

    @contextmanager
    def damaged(self, *statements: str) -> Iterator["Target"]:
        """Yield the target after some statements, which are rolled back at the end."""
        self.session.execute("begin")
        try:
            for statement in statements:
                self.session.execute(statement.replace("THIS", self.target_name).encode())
            yield Target(self.session)
        finally:
            self.session.execute("rollback")

    @property
    def target_name(self) -> str:
        """The target database's quoted name."""
        return f'"{self.session.info.dbname}"'

    @contextmanager
    def damaged_copy(self, *statements: str) -> Iterator["Target"]:
        """Yield a copy of the target after some statements, as a new session sees it."""
        server = self.pair.target
        name = create_database(server, template=self.target_template)
        try:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.replace("THIS", f'"{name}"').encode())
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                yield Target(connection)
        finally:
            drop_database(server, name)

    def judge(self, found: Snapshot) -> Results:
        """Run every check of the stage on every object."""
        evidence = SchemaEvidence(
            self.on_source,
            found,
            self.expected,
            compared=self.compared,
            left_behind=tuple(str(name) for name in excluded_tables(self.manifest)),
        )
        stage = SchemaStage(evidence)
        names = stage.expected_names(self.manifest.tables)
        kinds = replace(self.manifest, expected=names).kinds()
        answers = Results({}, {}, [])
        kept = _RecordingProxy(stage, answers.warnings)
        for check in CHECKS:
            for arguments in _arguments(check, kinds):
                try:
                    FUNCTIONS[check.id](**arguments, schema_stage=kept)
                except AssertionError as error:
                    answers.red[check.id] = answers.red.get(check.id, "") + str(error)
                except PgCutoverError as error:
                    answers.unknown[check.id] = str(error)
        return answers


@dataclass(frozen=True, slots=True)
class Target:
    """A damaged target, as the session that damaged it sees it."""

    session: psycopg.Connection[tuple[object, ...]]

    def collect_snapshot(self, kinds: tuple[Kind, ...] = KINDS) -> Snapshot:
        """Read the schema with the settings of a run."""
        with self.session.transaction(force_rollback=True):
            self.session.execute(set_local(PINNED))
            return collect_snapshot(self.session, kinds)

    def take_all(self) -> Snapshot:
        """Read the schema and the server's objects."""
        return of_the_lab(self.collect_snapshot((*KINDS, *CLUSTER_KINDS)))

    def execute(self, statement: str) -> None:
        """Run one statement in a subtransaction, so that an error keeps the earlier ones."""
        with self.session.transaction():
            self.session.execute(statement.encode())


def _arguments(check: Check, kinds: dict[str, tuple[object, ...]]) -> list[dict[str, object]]:
    (kind,) = [a for a in check.arguments if a in kinds] or [""]
    return [{kind: each} for each in kinds[kind]] if kind else [{}]


def of_the_lab(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the roles that other tests made on the same servers."""
    kept = (
        o
        for o in snapshot.objects
        if o.kind not in ("role", "role_setting", "parameter_grant")
        or "fault_" in o.name
        or o.name == "postgres"
    )
    return replace(snapshot, objects=tuple(kept))


class _RecordingProxy:
    """Proxy of the stage that records its warnings."""

    def __init__(self, stage: SchemaStage, warnings: list[str]) -> None:
        self._stage, self._warnings = stage, warnings

    def __getattr__(self, name):
        def call(*arguments, **named):
            diff = getattr(self._stage, name)(*arguments, **named)
            self._warnings.extend(diff.facts.get("warnings", ()))
            return diff

        return call


@contextmanager
def fault_lab(pair: Pair) -> Iterator[FaultLab]:
    """Yield the lab; drop its roles at the end."""
    for server in (pair.source, pair.target):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for role in ROLES:
                connection.execute(f"create role {role}".encode())
            connection.execute("alter role fault_app set statement_timeout = '30s'")
            connection.execute("alter role fault_app connection limit 50")
    source = pair.template("source", "faults", _build)
    template, damaged = create_database(pair.target, source), ""
    try:
        dsn = pair.source.dsn(source)
        for section in SECTIONS:
            run(pair.target.dsn(template), dump_section(dsn, section, publications=True))
        for each in (dsn, pair.target.dsn(template)):
            run(each, UNDUMPED)
        recipe = Recipe(dsn, pair.target.dsn(template), 17, source, "UTF8", ())
        expected = expected_schema(recipe, lambda _: None)
        with open_session(dsn) as session:
            on_source = of_the_lab(collect_snapshot(session, (*CLUSTER_KINDS, EXTENSIONS)))
            manifest = read_manifest(session, session, rules(MAPPING))
            compared = quoted(session, [t.target for t in manifest.tables])
        damaged = create_database(pair.target, template=template)
        with psycopg.connect(pair.target.dsn(damaged), autocommit=True) as session:
            yield FaultLab(
                pair, source, template, session, expected.snapshot, on_source, compared, manifest
            )
    finally:
        for name in (damaged, template):
            drop_database(pair.target, name)
        drop_database(pair.source, source)
        pair.templates.pop(("source", "faults"), None)
        for server in (pair.source, pair.target):
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                for role in ROLES:
                    connection.execute(f"drop role {role}".encode())


def _build(dsn: str) -> None:
    build_source(dsn)
    run(dsn, *(schema.read_text("utf-8") for schema in SCHEMAS))
