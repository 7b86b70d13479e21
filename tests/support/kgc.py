"""Databases of the KGC example: built once per process, copied for each test that writes.

tests/conftest.py does not register this module: a conftest that needs the fixtures imports them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from support.servers import Pair, create_database, drop_database

from pgcutover.provision.phases import finish_target, prepare_target
from pgcutover.setup.demo import generate
from pgcutover.setup.demo.tables import TABLES

SCRIPTS = Path(generate.__file__).parent.parent / "schema"
PASSWORDS = {role: f"throw-away-{role}" for role in generate.LOGIN_ROLES}
MOVED = {
    "users": "auth",
    "user_roles": "auth",
    "health_metrics": "health",
    "care_plan_directives": "health",
    "admin_activity_log": "audit",
}


def quiet(_: str) -> None:
    """Discard the progress messages."""


@pytest.fixture(scope="session")
def kgc_template(pair: Pair) -> str:
    """The name of a source database with the generated data at scale 1."""
    return _once(pair, "source", _filled_source)


@pytest.fixture(scope="session")
def kgc_loaded_template(
    pair: Pair, kgc_template: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of a target database that is provisioned, loaded and completed."""
    source, evidence = pair.source.dsn(kgc_template), tmp_path_factory.mktemp("evidence")
    return _once(pair, "target", lambda p, name: _loaded_target(p, name, source, evidence))


def _once(pair: Pair, side: str, make: Callable[[Pair, str], None]) -> str:
    """Return the template's name; build it once per process, whoever imports the fixture."""
    name = f"kgc_{side}_template"
    if (side, "kgc") not in pair.templates:
        make(pair, name)
        pair.templates[side, "kgc"] = name
    return name


def _filled_source(pair: Pair, name: str) -> None:
    generate.create_source(pair.source.dsn(), PASSWORDS, quiet, database=name)
    generate.generate(pair.source.dsn(name), scale=1, seed=11, progress=quiet)


def _loaded_target(pair: Pair, name: str, source: str, evidence: Path) -> None:
    generate.create_target(pair.target.dsn(), PASSWORDS, quiet, database=name)
    with psycopg.connect(pair.target.dsn(name), autocommit=True) as conn:
        prepare_target(conn, source_dsn=source, scripts=SCRIPTS, evidence=evidence, progress=quiet)
        load(source, pair.target.dsn(name))
        finish_target(conn, scripts=SCRIPTS, progress=quiet)


@pytest.fixture
def kgc_source(pair: Pair, kgc_template: str) -> Iterator[str]:
    """The superuser's DSN of a filled source database for one test."""
    name = create_database(pair.source, template=kgc_template)
    yield pair.source.dsn(name)
    drop_database(pair.source, name)


@pytest.fixture
def kgc_target(pair: Pair, kgc_loaded_template: str) -> Iterator[str]:
    """The superuser's DSN of a target database for one test, equal to the source."""
    name = create_database(pair.target, template=kgc_loaded_template)
    yield pair.target.dsn(name)
    drop_database(pair.target, name)


@pytest.fixture
def empty_target(pair: Pair) -> Iterator[Callable[[], str]]:
    """Return empty_target(), which returns the superuser's DSN of a new, empty target."""
    names: list[str] = []

    def make() -> str:
        names.append(f"kgc_empty_{len(names)}")
        generate.create_target(pair.target.dsn(), PASSWORDS, quiet, database=names[-1])
        return pair.target.dsn(names[-1])

    yield make
    for name in names:
        drop_database(pair.target, name)


def load(source_dsn: str, target_dsn: str) -> None:
    """Copy the rows of every table, as a correct mover does."""
    with psycopg.connect(source_dsn) as source, psycopg.connect(target_dsn) as target:
        target.execute("set session_replication_role = replica")
        for table in TABLES:
            _copy(source, target, table.name, table.columns)


def _copy(
    source: psycopg.Connection, target: psycopg.Connection, name: str, columns: tuple[str, ...]
) -> None:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    read = sql.SQL("copy public.{} ({}) to stdout (format binary)")
    write = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(MOVED.get(name, "public"), name), listed
    )
    reading, writing = source.cursor(), target.cursor()
    with (
        reading.copy(read.format(sql.Identifier(name), listed)) as rows,
        writing.copy(write) as into,
    ):
        for block in rows:
            into.write(block)
