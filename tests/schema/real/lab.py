"""Realistic schemas, restored to a target unchanged or renamed, and all comparisons of them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from compare.lab import FUNCTIONS, Lab, rule, rules, run
from psycopg import sql
from schema.faultlab import RUN_WIDE, of_the_lab
from support.servers import Databases

from pgcutover.catalog import read_manifest
from pgcutover.catalog.manifest import mapped_tables
from pgcutover.connect import open_session
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import MappedTable
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.provision.phases import finish_target, prepare_target
from pgcutover.provision.sql_splitter import split_statements
from pgcutover.schema.collect import collect_schema
from pgcutover.schema.compare import differences
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.stage import SchemaStage

_COPIED = re.compile(r"^copy\s[^;]*?\sfrom\s+stdin[^;]*;\n.*?^\\\.$", re.I | re.M | re.S)
_OF_PSQL = re.compile(r"^\\.*$", re.M)
_NOT_SCHEMA = re.compile(r"insert\s|update\s|delete\s|(create|drop)\s+database\s|"
                         r"set\s+client_encoding", re.I)  # fmt: skip
_HEIRS = """
select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = relnamespace
where exists (select from pg_inherits i join pg_class p on p.oid = i.inhparent
              where c.oid in (i.inhrelid, i.inhparent) and p.relkind = 'r')
"""
_INHERITED = """
select n.nspname::text, c.relname::text, a.attname::text
from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
where attinhcount > 0
"""
Rules = list[dict[str, object]]


def schema_only(text: str, name: str) -> Iterator[str]:
    """Return a script's statements without rows, databases and psql commands."""
    text = _OF_PSQL.sub("", _COPIED.sub("", text))
    for statement in split_statements(text, name):
        if not _NOT_SCHEMA.match(statement.text):
            yield statement.text


def load(dsn: str, path: Path) -> None:
    """Create a file's schema in a database; return the statements that fail, with their errors."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in schema_only(path.read_text("utf-8"), path.name):
            try:
                connection.execute(statement.encode(), prepare=False)
            except psycopg.Error as error:
                raise AssertionError(f"{path.name}: {statement[:200]}: {error}") from error


def all_tables(dsn: str) -> Rules:
    """Return rules that include every table under its own name."""
    with psycopg.connect(dsn) as connection:
        schemas = connection.execute(
            "select distinct nspname from pg_namespace n join pg_class c on relnamespace = n.oid"
            " where relkind in ('r', 'p') and not relispartition"
            " and nspname !~ '^pg_' and nspname <> 'information_schema' order by 1"
        ).fetchall()
    return [rule(n, "selection", "include", literally(s), "%") for n, (s,) in enumerate(schemas, 1)]


def moved_tables(dsn: str, third: int = 3, second: int = 2) -> Rules:
    """Return rules that move every table, rename each third, and a column of each second."""
    made = all_tables(dsn)
    with open_session(dsn) as session:
        tables = mapped_tables(rules(made), session)
        heirs = set(session.execute(_HEIRS.encode()).fetchall())
    new = iter(range(100, 100_000))
    for n, schema in enumerate(sorted({t.source.schema for t in tables})):
        made.append(_rename(next(new), "schema", f"Moved {n}", schema))
    for n, table in enumerate(sorted(tables, key=lambda t: t.source)):
        place = (table.source.schema, table.source.name)
        if n % third == 0:
            made.append(_rename(next(new), "table", f"Renamed {n}", *place))
        if n % second == 0 and table.columns and place not in heirs:
            column = table.columns[n // second % len(table.columns)][0]
            made.append(_rename(next(new), "column", f"Column {n}", *place, column))
    return made


def literally(name: str) -> str:
    """Return a DMS pattern that matches only this name."""
    return re.sub(r"([%_\[])", r"[\1]", name)


def _rename(n: int, what: str, value: str, schema: str, *more: str) -> dict[str, object]:
    # a schema rule affects only its tables
    place = [literally(schema), *map(literally, more or ("",))]
    place = [place[0], "%"] if what == "schema" else place
    return rule(n, "transformation", "rename", *place, rule_target=what, value=value)


def script_of(tables: Sequence[MappedTable], inherited: Collection[tuple[str, ...]] = ()) -> str:
    """Return the renames as a script, one statement each; children follow their parents."""
    lines = [
        sql.SQL("create schema if not exists {}").format(sql.Identifier(schema))
        for schema in sorted({t.target.schema for t in tables})
    ]
    for table in tables:
        source, target = table.source, table.target
        old, here = (sql.Identifier(source.schema, name) for name in (source.name, target.name))
        lines += [
            sql.SQL("alter table {} rename column {} to {}").format(old, *map(sql.Identifier, pair))
            for pair in table.columns
            if pair[0] != pair[1] and (source.schema, source.name, pair[0]) not in inherited
        ]
        if source.name != target.name:
            rename = sql.SQL("alter table {} rename to {}")
            lines.append(rename.format(old, sql.Identifier(target.name)))
        if source.schema != target.schema:
            move = sql.SQL("alter table {} set schema {}")
            lines.append(move.format(here, sql.Identifier(target.schema)))
    return "".join(f"{line.as_string(None)};\n" for line in lines)


def provision(databases: Databases, folder: Path, documents: Rules) -> None:
    """Build the target as provisioning does, with the renames as its only script."""
    for phase in ("pre-load", "post-load"):
        (folder / phase).mkdir(parents=True)
    with open_session(databases.source) as session:
        inherited = set(session.execute(_INHERITED.encode()).fetchall())
        script = script_of(mapped_tables(rules(documents), session), inherited)
    (folder / "pre-load" / "01_moves.sql").write_text(script or "select 1;", "utf-8")
    with psycopg.connect(databases.target, autocommit=True) as connection:
        prepare_target(
            connection,
            source_dsn=databases.source,
            scripts=folder,
            evidence=folder / "evidence",
            progress=_no_progress,
        )
        finish_target(connection, scripts=folder, progress=_no_progress)


def restore(databases: Databases) -> None:
    """Build the target by a plain dump and restore."""
    for section in SECTIONS:
        run(databases.target, dump_section(databases.source, section))


@dataclass(frozen=True, slots=True)
class Said:
    """The findings of all comparisons, each must be empty; `objects` counts objects."""

    objects: int
    differences: list[str] = field(default_factory=list)
    of_the_stage: list[str] = field(default_factory=list)
    of_checks: dict[str, str] = field(default_factory=dict)

    @property
    def anything(self) -> list[str]:
        checks = [f"{name}: {text}" for name, text in self.of_checks.items()]
        return [*self.differences, *self.of_the_stage, *checks]


def report_of(databases: Databases, documents: Rules) -> Said:
    """Run all comparisons with the mapping only; scripts are not configured."""
    source, target = databases.source, databases.target
    with open_session(source) as one, open_session(target) as other:
        manifest = read_manifest(one, other, rules(documents))
    scratch = databases.servers.target.dsn()
    taken = collect_schema(source, target, manifest, None, scratch, _no_progress)
    expected, found = taken.evidence.expected, taken.evidence.target
    assert expected is not None, taken.evidence.trouble
    stage = SchemaStage(
        replace(taken.evidence, source=of_the_lab(taken.evidence.source), target=of_the_lab(found))
    )
    found_by_stage, troubles = stage.everything()
    lab = Lab(source, target, scratch, rules=rules(documents), recent={})
    results = lab.judge("schema")
    return Said(
        len(found.objects),
        [str(d) for d in differences(expected, found, [k.name for k in KINDS])],
        [*map(str, found_by_stage), *troubles],
        {**_of_stage_checks(stage), **results.red, **results.unknown},
    )


def _of_stage_checks(stage: SchemaStage) -> dict[str, str]:
    reports = {}
    for check in RUN_WIDE:
        try:
            FUNCTIONS[check.id](schema_stage=stage)
        except (AssertionError, PgCutoverError) as error:
            reports[check.id] = str(error)
    return reports


def _no_progress(_: str) -> None:
    """Discard the progress messages."""
