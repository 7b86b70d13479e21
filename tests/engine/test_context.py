"""Test the context that is sent to workers, and the keys of migration.toml that enable checks."""

import pickle

import pytest

from pgcutover.config import load_settings
from pgcutover.context import RunContext, describe_unset
from pgcutover.errors import PgCutoverError


@pytest.fixture
def settings(pytestconfig):
    return load_settings(pytestconfig.rootpath / "migration.toml")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("mover.dms", ""),
        ("schema.scripts", ""),
        ("schema.scratch_dsn_env", "schema.scratch_dsn_env is not set in migration.toml"),
        ("schema.amcheck", "schema.amcheck is off in migration.toml"),
        ("mover.dms.multi_az", "mover.dms.multi_az is False in migration.toml"),
        ("checks.folder", "checks.folder is not set in migration.toml"),
    ],
)
def test_a_key_is_on_or_has_a_reason(settings, key, reason):
    assert describe_unset(settings, key) == reason


def test_a_key_that_does_not_exist_is_refused(settings):
    with pytest.raises(PgCutoverError, match="has no key 'amchek'"):
        describe_unset(settings, "schema.amchek")


def test_settings_are_the_same_in_a_worker(settings):
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - made here


def test_something_else_is_no_context():
    with pytest.raises(PgCutoverError, match="sent no context"):
        RunContext.from_bytes(pickle.dumps({"settings": "migration.toml"}))
