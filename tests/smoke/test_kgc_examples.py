"""The shipped examples of KGC's smoke suite fit KGC's schema."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import psycopg
import pytest
from support.kgc import PASSWORDS, quiet
from support.servers import Pair, create_database, drop_database

from pgcutover.checking.registry import find_checks
from pgcutover.connect import open_watch
from pgcutover.setup.demo import generate
from pgcutover.smoke.plans import plan_costs, read_queries
from pgcutover.smoke.search_path import use_search_path

EXAMPLES = Path(generate.__file__).parent.parent / "smoke"
USER = """
insert into public.users (email, display_name) values ('a@kgc.test', 'A');
insert into public.user_roles (user_id, role) select id, 'patient' from public.users
"""


def test_the_examples_of_kgc_fit_its_schema(pair: Pair) -> None:
    name = create_database(pair.source)
    drop_database(pair.source, name)
    generate.create_source(pair.source.dsn(), PASSWORDS, quiet, database=name)
    try:
        queries = read_queries(EXAMPLES / "queries.sql")
        assert len(queries) == 8
        with open_watch(pair.source.dsn(name)) as connection:
            use_search_path(connection, "public")
            costs = plan_costs(connection, queries)
        assert {n: c for n, c in costs.items() if not isinstance(c, float)} == {}
        signs_in(pair.source.dsn(name))
    finally:
        drop_database(pair.source, name)


def signs_in(dsn: str) -> None:
    """The example check is red without users, and green with one."""
    (check,) = find_checks(EXAMPLES / "checks")
    assert (check.id, check.stage) == ("KGC-SIGN-IN", "smoke")
    path = EXAMPLES / "checks" / "smoke" / "test_users_can_sign_in.py"
    spec = spec_from_file_location("example", path)
    assert spec is not None
    assert spec.loader is not None
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    with psycopg.connect(dsn) as client:
        with pytest.raises(AssertionError, match="has no role"):
            example.test_users_can_sign_in(client)
        client.execute(USER)
        example.test_users_can_sign_in(client)
        client.rollback()
