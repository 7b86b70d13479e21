"""Test that deleting a task drops only its own slot and publications."""

from awslocal.rig import Workshop, both, client, wait_until

MINE = "select count(*) from pg_replication_slots where database = current_database()"


def test_deleting_a_task_leaves_the_users_slot_and_publication(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    task.source("create publication users_own for table public.t")
    task.source(
        "select pg_create_logical_replication_slot(current_database() || '_own', 'pgoutput')"
    )
    task.start()
    task.loaded()
    task.stop()
    assert task.source(MINE) == [(2,)]
    task.dms.delete_replication_task(ReplicationTaskArn=task.arn)
    wait_until(lambda: task.source(MINE) == [(1,)], "the task's slot gone")
    wait_until(
        lambda: task.source("select pubname from pg_publication") == [("users_own",)],
        "the task's publications gone",
    )
    wait_until(
        lambda: task.target("select count(*) from public.awsdms_txn_state") == [(0,)],
        "the task's state gone",
    )


def test_the_slot_stays_while_the_task_does(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    task.start()
    task.loaded()
    task.stop()
    assert task.source(MINE) == [(1,)]


def test_a_source_that_is_gone_does_not_keep_the_task(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    task.start()
    task.loaded()
    task.stop()
    source_secret = next(iter(workshop.secrets))
    client(workshop.url, "secretsmanager").delete_secret(
        SecretId=source_secret, ForceDeleteWithoutRecovery=True
    )
    task.dms.delete_replication_task(ReplicationTaskArn=task.arn)

    def gone() -> bool:
        tasks = task.dms.describe_replication_tasks()["ReplicationTasks"]
        return task.arn not in [t["ReplicationTaskArn"] for t in tasks]

    wait_until(gone, "the task's end")
