"""Kinds of objects for the checks of the stage `replication`: the task of DMS, and its tables."""

_ABSENCE = "mover.dms is not set in migration.toml"


def _tasks(settings, manifest):
    return (settings.mover.dms.task,) if settings.mover.dms else ()


def _tables(settings, manifest):
    return manifest.tables if settings.mover.dms else ()


KINDS = {"dms_task": (_tasks, _ABSENCE), "dms_table": (_tables, _ABSENCE)}
