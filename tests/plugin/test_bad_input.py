"""Test that each invalid input gives one clear message, a failing exit code and no secret."""

import json

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def change(migration, side, **parts):
    name = f"PGCUTOVER_{side.upper()}_DSN"
    dsn = migration.environment[name]
    migration.environment[name] = make_conninfo(**{**conninfo_to_dict(dsn), **parts})


def edit(migration, old, new):
    path = migration.folder / "migration.toml"
    path.write_text(path.read_text().replace(old, new))


def refused(outcome, *words):
    assert outcome.code not in (0, 1), outcome.text
    assert "Traceback" not in outcome.text
    assert len(outcome.text.strip().splitlines()) <= 6, outcome.text
    for word in words:
        assert word in outcome.text


def test_unknown_key_names_the_closest(migration):
    edit(migration, "recent_column", "recent_colum")
    refused(migration.gate(), "unknown key", "did you mean 'recent_column'?")


def test_wrong_type_says_what_was_expected(migration):
    edit(migration, 'name = "small"', 'name = "small"\nrecent_window_hours = "day"')
    refused(migration.gate(), "recent_window_hours: expected a number, found a text")


def test_broken_toml_says_where(migration):
    edit(migration, "[source]", "[source")
    refused(migration.gate(), "migration.toml is not TOML", "line")


def test_unreadable_mapping_says_line_and_column(migration):
    (migration.folder / "mapping.json").write_text('{"rules": [,]}')
    refused(migration.gate(), "mapping.json is not JSON", "line 1 column 12")


def test_missing_mapping_is_named(migration):
    (migration.folder / "mapping.json").unlink()
    refused(migration.gate(), "mapping.json", "No such file")


def test_table_that_the_source_lacks(migration):
    path = migration.folder / "mapping.json"
    rules = json.loads(path.read_text())
    rules["rules"][0]["object-locator"]["table-name"] = "patients"
    path.write_text(json.dumps(rules))
    refused(migration.gate(), "public.patients", "which the source does not have")


def test_every_variable_that_is_not_set_is_named_and_nothing_is_rehearsed(migration):
    migration.environment = {"PGCUTOVER_SOURCE_DSN": "", "PGCUTOVER_SCRATCH_DSN": "host=localhost"}
    outcome = migration.gate()
    assert outcome.code == 4
    refused(
        outcome,
        "PGCUTOVER_SOURCE_DSN is not set (source.dsn_env)",
        "PGCUTOVER_TARGET_DSN is not set (target.dsn_env)",
        'use "rehearse" instead of "gate"',
    )
    assert "listens on port" not in outcome.text


def test_one_dsn_alone_is_refused(migration):
    del migration.environment["PGCUTOVER_TARGET_DSN"]
    refused(migration.gate(), "PGCUTOVER_TARGET_DSN is not set")


def test_misspelt_variable_is_recognised(migration):
    dsn = migration.environment.pop("PGCUTOVER_TARGET_DSN")
    migration.environment["PGCUTOVER_TARGET_DNS"] = dsn
    refused(migration.gate(), "PGCUTOVER_TARGET_DSN is not set", "but PGCUTOVER_TARGET_DNS is")


def test_variable_that_bootstrap_does_not_pass_on_is_refused_for_that(migration):
    edit(migration, "PGCUTOVER_TARGET_DSN", "NEW_DATABASE")
    migration.environment["TOX_ENV_NAME"] = "gate"
    words = "begin with PGCUTOVER_, so rename it, for example to PGCUTOVER_NEW_DATABASE"
    refused(migration.gate(), "NEW_DATABASE is not set", words)


@pytest.mark.parametrize(
    ("section", "key"), [("source", "marker_dsn_env"), ("schema", "scratch_dsn_env")]
)
def test_any_variable_that_the_file_names_must_be_set(migration, section, key):
    edit(migration, 'scratch_dsn_env = "PGCUTOVER_SCRATCH_DSN"\n', "")
    edit(migration, f"[{section}]\n", f'[{section}]\n{key} = "PGCUTOVER_OTHER"\n')
    refused(migration.gate(), f"PGCUTOVER_OTHER is not set ({section}.{key})")


def test_provision_needs_the_owner_of_the_target(migration):
    refused(migration.gate("--provision"), "name the variable", "target.provision_dsn_env")
    edit(migration, "[target]\n", '[target]\nprovision_dsn_env = "PGCUTOVER_OWNER"\n')
    refused(migration.gate("--provision"), "PGCUTOVER_OWNER is not set (target.provision_dsn_env)")
    assert migration.gate().code == 0


def test_marker_table_that_no_mover_copies_is_refused_before_any_check(migration):
    edit(migration, "[source]\n", '[source]\nmarker_dsn_env = "PGCUTOVER_MARKER_DSN"\n')
    migration.environment["PGCUTOVER_MARKER_DSN"] = migration.databases.source
    outcome = migration.gate()
    refused(outcome, "schema.marker_table 'public.pgcutover_marker' is not a mapped table")
    assert (outcome.code, outcome.document) == (3, {})


def test_folder_without_migration_toml_is_refused(migration):
    (migration.folder / "migration.toml").unlink()
    refused(migration.gate(), "no migration.toml in this folder")


def test_a_dsn_in_the_file_is_refused_and_not_printed(migration):
    edit(migration, '"PGCUTOVER_SOURCE_DSN"', '"postgresql://u:hunter2@h/db"')
    outcome = migration.gate()
    refused(outcome, "source.dsn_env: expected the name of an environment variable")
    assert "hunter2" not in outcome.text


@pytest.mark.parametrize("side", ["source", "target"])
def test_wrong_password(migration, side):
    change(migration, side, password="hunter2")
    outcome = migration.gate()
    refused(outcome, side, "password authentication failed")
    assert "hunter2" not in outcome.text


def test_unusable_dsn_is_not_printed(migration):
    migration.environment["PGCUTOVER_SOURCE_DSN"] = "host=localhost pasword=hunter2"
    outcome = migration.gate()
    refused(outcome, "source")
    assert "hunter2" not in outcome.text


def test_wrong_ca(migration, tmp_path):
    import trustme

    ca = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    change(migration, "target", sslrootcert=str(ca))
    refused(migration.gate(), "target", "certificate verify failed")


def test_tls_refused(migration):
    change(migration, "source", sslmode="disable", sslrootcert="")
    outcome = migration.gate()
    refused(outcome, "source")


def test_server_that_is_not_there(migration):
    change(migration, "target", port="1")
    refused(migration.gate(), "target", "port 1")


def test_the_same_database_twice(migration):
    migration.environment["PGCUTOVER_TARGET_DSN"] = migration.environment["PGCUTOVER_SOURCE_DSN"]
    outcome = migration.gate()
    assert outcome.code == 3
    assert "source and target are the same database of the same server" in outcome.text
    assert not outcome.document


def test_rehearsal_options_are_refused_on_real_databases(migration):
    refused(migration.gate("--sabotage", "row-deleted"), "--sabotage is for a rehearsal only")


def test_no_permission_on_one_table_leaves_the_rest_judged(migration):
    with psycopg.connect(migration.databases.target, autocommit=True) as connection:
        user = f"reader_{connection.info.dbname[-8:]}"
        connection.execute(f"create role {user} login password 'hunter3'")
        connection.execute(f"grant select on public.people to {user}")
    change(migration, "target", user=user, password="hunter3")
    try:
        outcome = migration.gate()
    finally:
        with psycopg.connect(migration.databases.target, autocommit=True) as connection:
            connection.execute(f"drop owned by {user}")
            connection.execute(f"drop role {user}")
    assert (outcome.code, outcome.verdict) == (3, "UNKNOWN"), outcome.text
    assert outcome.verdicts("DATA-ROWS") == {"public.people": "PASS", "public.visits": "UNKNOWN"}
    assert "hunter3" not in outcome.text
