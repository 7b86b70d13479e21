"""Test a user's own migration: read-only by default, provisioned on request, then found again."""


def test_without_provision_nothing_is_made_and_nothing_passes(own_migration):
    outcome = own_migration.run.run()
    assert outcome.code == 1, outcome.text
    assert own_migration.dms.describe_replication_tasks()["ReplicationTasks"] == []
    assert own_migration.query(
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
    ) == [(0,)]
    assert "DATA-ROWS[auth.users]" in outcome.red()
    assert "throw-away" not in outcome.text


def test_provision_makes_everything_once_and_refuses_a_changed_script(own_migration):
    first = own_migration.run.run("--provision", "-n", "2")
    assert first.code == 0, first.text
    assert not first.document["migration"]["rehearsal"]
    (task,) = own_migration.dms.describe_replication_tasks()["ReplicationTasks"]
    assert (task["ReplicationTaskIdentifier"], task["Status"]) == ("kgc-full-migration", "running")
    journal = own_migration.query("select phase, script, xid from pgcutover.journal order by xid")
    second = own_migration.run.run("--provision", "-n", "2")
    assert second.code == 0, second.text
    assert (
        own_migration.query("select phase, script, xid from pgcutover.journal order by xid")
        == journal
    )
    assert second.document["provisioning"] == []
    arns = [
        t["ReplicationTaskArn"]
        for t in own_migration.dms.describe_replication_tasks()["ReplicationTasks"]
    ]
    assert arns == [task["ReplicationTaskArn"]]
    _a_changed_script_is_refused(own_migration)


def _a_changed_script_is_refused(own_migration):
    script = own_migration.run.folder / "setup/schema/post-load/02_fk_cpd_doctor.sql"
    script.write_text(script.read_text() + "\nselect 1;\n")
    outcome = own_migration.run.run("--provision")
    assert outcome.code == 3, outcome.text
    assert "02_fk_cpd_doctor.sql was applied on" in outcome.text
    assert "Traceback" not in outcome.text
    reading = own_migration.run.run("-n", "2")
    assert reading.code == 1
    assert reading.red() == {"SCHEMA-SCRIPTS[post-load]"}


def test_source_and_target_the_same_are_refused_before_provisioning(own_migration):
    environment = own_migration.run.environment
    environment["PGCUTOVER_SOURCE_DSN"] = own_migration.target_superuser
    outcome = own_migration.run.run("--provision")
    assert outcome.code == 3
    assert "same database" in outcome.text
    assert own_migration.query("select to_regnamespace('pgcutover')") == [(None,)]
