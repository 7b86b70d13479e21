"""Test errors of migration.toml: each names the wrong key and never quotes a DSN."""

import traceback

import pytest

from pgcutover.config import Tolerance, json_schema, load_settings
from pgcutover.errors import ConfigError

SOUND = """
name = "small"
table_mappings = "mapping.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "mapping.json").write_text('{"rules": []}')

    def loaded(text):
        (tmp_path / "migration.toml").write_text(text)
        return load_settings(tmp_path / "migration.toml")

    return loaded


def refused(load, text):
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


def test_defaults_are_those_of_the_documentation(load):
    settings = load(SOUND)
    assert (settings.schema.amcheck, settings.mover.dms, settings.tables) == ("off", None, {})
    assert settings.resolve(settings.table_mappings).exists()


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ("[budgets]\nconections = 1", "unknown key 'budgets.conections'; did you mean 'conn"),
        ("[budget]\nconnections = 1", "unknown key 'budget'; did you mean 'budgets'?"),
        (
            "[report]\nqqq = 1",
            "unknown key 'report.qqq'; known keys: directory, keep_runs, valid_hours",
        ),
        ("path = 'x'" + SOUND, "unknown key 'path'; known keys:"),
        ('[tables."a.b"]\nky = []', "unknown key 'tables.\"a.b\".ky'; did you mean 'key'?"),
        ("[budgets]\nconnections = 0", "budgets.connections: expected at least 1, found 0"),
        ("[budgets]\nconnections = true", "expected a whole number, found true or false"),
        ("[budgets]\nmax_source_load = 0", "max_source_load: expected more than 0, found 0"),
        ("[budgets]\nmax_target_load = 2", "max_target_load: expected at most 1, found 2"),
        ("[budgets]\nchunk_seconds = nan", "chunk_seconds: expected a finite number, found nan"),
        ("[budgets]\nchunk_seconds = '1'", "chunk_seconds: expected a number, found a text"),
        ("[schema]\nmarker_table = 'm'", "schema.marker_table: expected schema.table, found"),
        ("[schema]\nscripts = 3", "schema.scripts: expected a text, found 3"),
        ("[schema]\namcheck = 'smple'", "amcheck: expected one of off, sample, full, found ano"),
        ("[schema]\namcheck = 'smple'", "did you mean 'sample'?"),
        ('[tables."a.b"]\nkey = "id"', 'tables."a.b".key: expected a list, found a text'),
        ('[tables]\n"a.b" = 1', 'tables."a.b": expected a table, found 1'),
        ('[[tables."a.b".exclude]]\ncolumn = "c"', "exclude[1].reason is missing; add reason to"),
        ("[mover]\ndms = []", "mover.dms: expected a table, found a list"),
        (
            SOUND.replace('"PGCUTOVER_SOURCE_DSN"', "''"),
            "source.dsn_env: expected the name of",
        ),
        ("[report]\nvalid_hours = 2026-01-01", "expected no date or time"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(load, added, says):
    text = added if SOUND in added or added.startswith("\nname") else SOUND + added
    assert says in refused(load, text)


def test_all_errors_are_reported_together(load):
    text = refused(load, 'nam = "small"\ntable_mappings = 1\n[source]\n')
    assert text.splitlines() == [
        f"migration.toml: {line}"
        for line in (
            "unknown key 'nam'; did you mean 'name'?",
            "name is missing; add name above the first section",
            "table_mappings: expected a text, found 1",
            "source.dsn_env is missing; add dsn_env to source",
            "target is missing; add the section [target]",
        )
    ]


@pytest.mark.parametrize(
    "place",
    ["[schema]\namcheck = {}", "[budgets]\nconnections = {}", "[mover]\ndms = {}"]
    + [f"[source]\n{key} = {{}}" for key in ("dsn_env", "marker_dsn_env")],
)
def test_a_dsn_in_the_wrong_place_does_not_appear(load, place):
    added = place.format("'postgresql://u:hunter2@h/db'")
    text = added + SOUND.replace("[source]\ndsn_env", "[source2]\ndsn_env")
    if not place.startswith("[source]"):
        text = SOUND + added
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"absolute": 1.0, "seconds": 1.0},
        {"absolute": -1.0},
        {"absolute": float("nan")},
        {"relative": 1.0},
        {"relative": 1e-16},
        {"seconds": 1e-7},
    ],
)
def test_invalid_bounds_are_refused(wrong):
    with pytest.raises(ValueError, match="Tolerance"):
        Tolerance("v", "r", **wrong)


def test_a_tolerance_without_a_bound_is_named_by_table_and_place(load):
    text = refused(load, SOUND + '[[tables."a.b".tolerate]]\ncolumn = "c"\nreason = "r"')
    assert 'tables."a.b".tolerate[1]: expected absolute or relative for numbers' in text


def test_the_json_schema_requires_what_the_file_requires():
    schema = json_schema()
    assert not schema["additionalProperties"]
    assert set(schema["required"]) == {"name", "table_mappings", "source", "target"}
