"""A local AWS endpoint: moto, and a DMS that moves rows as AWS documents it.

    python -m pgcutover.awslocal --port 0 --state-dir DIR

The process ends with its parent (stdin), on SIGTERM and on Ctrl-C.
`PGCUTOVER_AWSLOCAL_DELAY_SECONDS` (0.5) sets the duration of transitional states such as
"creating", `PGCUTOVER_AWSLOCAL_TASK_SECONDS` that of a task's start (0.5) and stop (0): AWS takes
minutes, and `60-300` is a random time. `PGCUTOVER_AWSLOCAL_METRIC_SECONDS` (1) is the interval at
which latencies are sent to CloudWatch.

As AWS documents: limited LOBs are truncated (an NCLOB's characters count double), numeric without
precision is rounded to six decimals, infinity is clamped, oid columns, sequences and secondary
objects are not migrated, tables without a key get inserts only, an array column without a key
suspends its table, updates of a primary key are ignored, TRUNCATE follows
HandleSourceTableTruncated.

Not implemented, and refused when requested: DDL replication (a new column suspends its table until
the target has it), source filters and expressions, partitioned source tables, user-defined slots
and start positions, TargetSchema, CreatePkAfterFullLoad, before images, validation-only tasks,
status and history tables, premigration assessments.
"""
