"""Test `pgcutover schema`: snapshots, diffs, the printed SQL, and invalid input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psycopg
import pytest
from compare.lab import rule
from psycopg.conninfo import make_conninfo
from support.servers import Databases, Pair

from pgcutover.cli import main

SCHEMA = """
create schema app;
create table app.customer (id serial primary key, name text not null, note varchar(20));
create index customer_name on app.customer (name);
create function app.shout(n text) returns text language sql immutable as 'select upper(n)';
create view app.loud as select app.shout(name) as name from app.customer;
"""
FAULTS = """
alter table app.customer alter name drop not null;
drop index app.customer_name;
create table app.forgotten (id int);
create or replace function app.shout(n text) returns text language sql immutable
    as 'select lower(n)';
"""
NOTHING = (
    "note: positions of sequences and contents of materialized views are in no snapshot; "
    "`--migration FILE` compares them\nno difference\n"
)
PASSWORD = "hunter2-in-clear"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code and output of one run of the command."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Command:
    """Runs the command in its own folder, with DSNs in environment variables.

    A call runs it in this process, because a new one would import everything for half a second.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> CommandResult:
        out, err = StringIO(), StringIO()
        with (
            chdir(self.folder),
            patch.dict(os.environ, self.variables),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(["schema", *arguments])
        return _without_secrets(CommandResult(code, out.getvalue(), err.getvalue()))

    def process(self, *arguments: str) -> CommandResult:
        """Run the command as a user does."""
        done = subprocess.run(
            [sys.executable, "-m", "pgcutover", "schema", *arguments],
            env=os.environ | self.variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        return _without_secrets(CommandResult(done.returncode, done.stdout, done.stderr))


def _without_secrets(result: CommandResult) -> CommandResult:
    """Return the result; fail where it shows a password or a traceback."""
    assert "Traceback" not in result.err
    assert PASSWORD not in result.out + result.err
    return result


@pytest.fixture
def schema(tmp_path: Path, fresh_database: Callable[..., str]) -> Command:
    """The same schema in ONE and OTHER, two databases of one server."""
    command = Command(tmp_path, {n: fresh_database("target") for n in ("ONE", "OTHER")})
    for dsn in command.variables.values():
        _run(dsn, SCHEMA)
    return command


def _run(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statements.encode())


def _without_role_dms(out: str) -> str:
    """Omit a role that other tests create on the shared servers, and its privileges."""
    return "\n".join(line for line in out.splitlines() if "dms" not in line)


def _warnings(out: str) -> list[str]:
    lines = _without_role_dms(out).splitlines()
    return [line for line in lines if line.endswith(", warning @@")]


def test_equal_schemas_have_no_difference(schema: Command) -> None:
    assert schema.process("diff", "ONE", "OTHER") == CommandResult(0, "", NOTHING)


def test_a_snapshot_is_compared_later_with_the_server(schema: Command) -> None:
    taken = schema("snapshot", "ONE", "--out", "kept/one.json")
    assert (taken.code, taken.out) == (0, "")
    assert "objects of database" in taken.err
    assert json.loads((schema.folder / "kept" / "one.json").read_text())["version"] == 3
    assert schema("diff", "kept/one.json", "OTHER").code == 0
    _run(schema.variables["OTHER"], FAULTS)
    assert schema("diff", "kept/one.json", "ONE").code == 0
    assert schema("diff", "kept/one.json", "OTHER").code == 1
    schema("snapshot", "OTHER", "--out", "other")
    assert (
        schema("diff", "kept/one.json", "other").out.splitlines()[2:]
        == (schema("diff", "ONE", "OTHER").out.splitlines()[2:])
    )


def test_a_diff_names_object_and_both_sides(schema: Command) -> None:
    _run(schema.variables["OTHER"], FAULTS)
    ended = schema("diff", "ONE", "OTHER")
    assert ended.code == 1
    assert ended.out == (
        "--- ONE\n"
        "+++ OTHER\n"
        "@@ table app.forgotten unexplained, with 3 objects that belong to it @@\n"
        "+ create table app.forgotten (id integer)\n"
        "@@ column app.customer.name differs @@\n"
        "- not null: yes\n"
        "+ not null: no\n"
        "@@ index app.customer_name missing @@\n"
        "- CREATE INDEX customer_name ON app.customer USING btree (name)\n"
        "@@ function app.shout(text) differs @@\n"
        "- body: select upper(n)\n"
        "+ body: select lower(n)\n"
    )
    assert ended.err == "4 blocking differences, 0 warnings\n"


def test_warnings_do_not_fail(schema: Command) -> None:
    _run(schema.variables["OTHER"], "comment on table app.customer is 'seen'")
    ended = schema("diff", "ONE", "OTHER")
    assert (ended.code, ended.err) == (0, "0 blocking differences, 1 warning\n")
    assert "@@ comment on table app.customer unexplained, warning @@" in ended.out


def test_the_printed_sql_fixes_the_target_and_is_not_run(schema: Command) -> None:
    other = schema.variables["OTHER"]
    _run(other, FAULTS)
    before = schema("diff", "ONE", "OTHER").out
    ended = schema("fix", "ONE", "OTHER")
    assert ended.code == 0
    assert "\n-- drop table app.forgotten;\n" in ended.out
    assert schema("diff", "ONE", "OTHER").out == before
    _run(other, ended.out)
    after = schema("diff", "ONE", "OTHER")
    assert [line for line in after.out.splitlines() if line.startswith("@@")] == [
        "@@ table app.forgotten unexplained, with 3 objects that belong to it @@"
    ]


def test_nothing_to_fix_prints_nothing(schema: Command) -> None:
    assert schema("fix", "ONE", "OTHER", "--print") == CommandResult(0, "", NOTHING)


def test_the_maintain_privilege_of_a_newer_major_is_no_difference(
    databases: Databases, tmp_path: Path
) -> None:
    for dsn in (databases.source, databases.target):
        _run(dsn, f"{SCHEMA.partition('create view')[0]}; grant select on app.customer to public")
    command = Command(tmp_path, {"OLD": databases.source, "NEW": databases.target})
    ended = command("diff", "OLD", "NEW")
    assert ended.code == 0
    assert "privileges" not in ended.out
    assert "not compared, because only one snapshot has them" not in ended.err


def test_a_migration_is_compared_with_its_expected_schema(
    databases: Databases, tmp_path: Path
) -> None:
    moved = SCHEMA.replace("app", "core")
    _run(databases.source, SCHEMA)
    _run(databases.target, moved)
    rules = [
        rule(1, "selection", "include", "app", "%"),
        rule(2, "transformation", "rename", "app", "%", rule_target="schema", value="core"),
    ]
    (tmp_path / "rules.json").write_text(json.dumps({"rules": rules}))
    for phase in ("pre-load", "post-load"):
        (tmp_path / "scripts" / phase).mkdir(parents=True)
    (tmp_path / "scripts" / "pre-load" / "01_core.sql").write_text(
        "alter schema app rename to core"
    )
    (tmp_path / "migration.toml").write_text(
        'name = "m"\ntable_mappings = "rules.json"\n[source]\ndsn_env = "FROM"\n'
        '[target]\ndsn_env = "INTO"\n[schema]\nscripts = "scripts"\n'
        'scratch_dsn_env = "SCRATCH"\n'
    )
    scratch = databases.servers.target.dsn()
    command = Command(
        tmp_path, {"FROM": databases.source, "INTO": databases.target, "SCRATCH": scratch}
    )
    ended = command("diff", "--migration", "migration.toml")
    assert [line for line in ended.out.splitlines() if "core" in line] == []
    _run(databases.target, "alter table core.customer alter note type varchar(10)")
    ended = command("diff", "--migration", "migration.toml")
    assert ended.code == 1
    assert "- type: character varying(20)\n+ type: character varying(10)\n" in ended.out
    assert (
        "alter table core.customer alter column note type character varying(20) using"
        in command("fix", "--migration", "migration.toml").out
    )


def test_a_migration_is_compared_with_its_sequences_and_materialized_views(
    databases: Databases, migration: Command
) -> None:
    for dsn in (databases.source, databases.target):
        _run(
            dsn,
            f"{SCHEMA}; create materialized view app.counted as select count(*) from app.customer",
        )
    assert migration("diff", "--migration", "migration.toml").code == 0
    _run(databases.source, "select nextval('app.customer_id_seq') from generate_series(1, 9)")
    _run(databases.target, "refresh materialized view app.counted with no data")
    ended = migration("diff", "--migration", "migration.toml")
    assert ended.code == 1
    assert "@@ sequence app.customer_id_seq is behind the source's by 9" in ended.out
    assert "\n2 blocking differences, " in f"\n{ended.err}"
    assert _warnings(ended.out) == []
    script = migration("fix", "--migration", "migration.toml").out
    assert "select setval('app.customer_id_seq', 10);" in script
    assert "refresh materialized view app.counted;" in script
    _run(databases.target, script)
    assert migration("diff", "--migration", "migration.toml").code == 0


def test_a_scripts_folder_without_a_phase_is_refused_once(migration: Command) -> None:
    (migration.folder / "scripts" / "post-load").mkdir(parents=True)
    with (migration.folder / "migration.toml").open("a") as toml:
        toml.write('scripts = "scripts"\n')
    _run(migration.variables["FROM"], SCHEMA)
    ended = migration("diff", "--migration", "migration.toml")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.count("has no folder pre-load; create it") == 1


def test_a_clean_pair_of_two_majors_has_no_blocking_difference(
    databases: Databases, migration: Command
) -> None:
    """Settings of both sides, views as two majors print them, extensions of other versions."""
    for dsn in (databases.source, databases.target):
        _run(
            dsn,
            f"{SCHEMA}; create materialized view app.names as"
            " select name, count(*) from app.customer group by name;"
            " create extension pg_stat_statements",
        )
        _run(dsn, f"alter database {databases.name} set timezone to 'Europe/Zurich'")
        _run(dsn, f"alter role postgres in database {databases.name} set work_mem to '8MB'")
    ended = migration("diff", "FROM", "INTO")
    assert ended.code == 0
    assert "\n0 blocking differences, " in ended.err
    (warning,) = _warnings(ended.out)
    assert "extension pg_stat_statements" in warning
    assert "printed by PostgreSQL 15 and 17, not compared: app.loud, app.names" in ended.err
    assert "drop" not in migration("fix", "FROM", "INTO").out
    assert migration("diff", "--migration", "migration.toml").code == 0


def test_a_harmful_setting_of_the_source_is_a_warning_and_not_repeated(
    databases: Databases, migration: Command
) -> None:
    for dsn in (databases.source, databases.target):
        _run(dsn, SCHEMA)
    harmful = f"alter database {databases.name} set session_replication_role to replica"
    _run(databases.source, harmful)
    ended = migration("fix", "FROM", "INTO")
    assert "session_replication_role" not in _without_role_dms(ended.out)
    assert (
        "warning: database setting session_replication_role is replica on the source: foreign "
        "keys and triggers do not fire"
    ) in ended.err
    _run(databases.target, harmful)
    both_harmful = migration("diff", "FROM", "INTO").out
    assert "session_replication_role" not in _without_role_dms(both_harmful)
    _run(databases.source, f"alter database {databases.name} reset session_replication_role")
    ended = migration("diff", "FROM", "INTO")
    assert "@@ database setting session_replication_role unexplained @@" in ended.out


@pytest.fixture
def migration(databases: Databases, tmp_path: Path) -> Command:
    """A migration of everything in `app`, without scripts, from FROM to INTO."""
    rules = [rule(1, "selection", "include", "app", "%")]
    (tmp_path / "rules.json").write_text(json.dumps({"rules": rules}))
    (tmp_path / "migration.toml").write_text(
        'name = "m"\ntable_mappings = "rules.json"\n[source]\ndsn_env = "FROM"\n'
        '[target]\ndsn_env = "INTO"\n[schema]\nscratch_dsn_env = "SCRATCH"\n'
    )
    scratch = databases.servers.target.dsn()
    return Command(
        tmp_path, {"FROM": databases.source, "INTO": databases.target, "SCRATCH": scratch}
    )


def test_unreadable_objects_are_named_and_never_equal(
    schema: Command, blind: Callable[[str], str]
) -> None:
    for name in ("ONE", "OTHER"):
        schema.variables[name] = blind(schema.variables[name])
    taken = schema("snapshot", "ONE", "--out", "one.json")
    assert "not read: policy: insufficient privilege" in taken.err
    ended = schema("diff", "one.json", "OTHER")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith("no difference in what could be compared\n")
    assert "not compared: policy objects of the expected schema: insuff" in ended.err


@pytest.fixture
def blind(pair: Pair) -> Iterator[Callable[[str], str]]:
    """Return blind(dsn), the same DSN with a role that may not read policies."""
    role = f"blind_{uuid4().hex[:8]}"
    _run(pair.target.dsn(), f"create role {role} login password '{PASSWORD}'")

    def made(dsn: str) -> str:
        _run(dsn, "revoke select on pg_policy from public")
        return make_conninfo(dsn, user=role, password=PASSWORD)

    yield made
    _run(pair.target.dsn(), f"drop role {role}")


CLEAR = f"postgresql://kgc:{PASSWORD}@db/kgc"
WRONG = {
    "one side": (("diff", "ONE"), "expected two sides to compare"),
    "three sides": (("diff", "ONE", "OTHER", "ONE"), "found 3 sides"),
    "sides and a migration": (("diff", "ONE", "OTHER", "--migration", "m"), "and --migration"),
    "no such variable": (("diff", "ONE", "NOPE"), "variable NOPE is not set"),
    "no such file": (("diff", "ONE", "nope.json"), "nope.json: No such file"),
    "no such migration": (("diff", "--migration", "nope.toml"), "nope.toml cannot be read"),
    "another file": (("diff", "ONE", "notes.txt"), "notes.txt: expected a schema snapshot"),
    "another JSON": (("diff", "ONE", "other.json"), "found another kind of JSON"),
    "a later version": (("diff", "ONE", "later.json"), "found version 99 of it"),
    "a broken snapshot": (("diff", "ONE", "broken.json"), "with parts missing or unknown"),
    "a DSN in clear": (("diff", CLEAR, "ONE"), "never write a DSN on the command line"),
    "a DSN as words": (
        ("snapshot", f"host=db password={PASSWORD}", "--out", "x"),
        "never write a DSN on the command line",
    ),
    "nobody answers": (("snapshot", "DEAD", "--out", "x.json"), "DEAD: cannot connect"),
    "no DSN": (("snapshot", "NONSENSE", "--out", "x.json"), "is not a conninfo string"),
    "nowhere to write": (("snapshot", "ONE", "--out", "notes.txt/x.json"), "notes.txt/x.json: "),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG)
def test_invalid_input_is_reported_in_one_sentence(
    schema: Command, arguments: tuple[str, ...], says: str
) -> None:
    schema.variables |= {
        "DEAD": f"host=127.0.0.1 port=1 user=u password={PASSWORD} dbname=d connect_timeout=5",
        "NONSENSE": f"this is {PASSWORD}",
    }
    kept = {"format": "pgcutover schema snapshot", "version": 99}
    (schema.folder / "notes.txt").write_text("nothing")
    (schema.folder / "other.json").write_text("[1]")
    (schema.folder / "later.json").write_text(json.dumps(kept))
    (schema.folder / "broken.json").write_text(json.dumps(kept | {"version": 2}))
    run = schema.process if arguments == ("diff", "ONE", "NOPE") else schema
    ended = run(*arguments)
    assert (ended.code, ended.out) == (3, "")
    assert says in ended.err
    assert ended.err.startswith("pgcutover: ")
