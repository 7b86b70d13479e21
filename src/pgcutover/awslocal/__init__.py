"""A local AWS endpoint: moto, and a DMS that really moves rows with DMS's documented behaviours.

    python -m pgcutover.awslocal --port 0 --state-dir DIR

It ends with its parent (stdin), on SIGTERM and on Ctrl-C. `PGCUTOVER_AWSLOCAL_DELAY_SECONDS`
(0.5) is how long passing states such as "creating" last, `PGCUTOVER_AWSLOCAL_METRIC_SECONDS` (1)
how often latencies go to CloudWatch.

As AWS documents: limited LOBs are cut (an NCLOB's characters count double), numeric without
precision is rounded to six decimals, infinity is clamped, oid columns, sequences and secondary
objects stay behind, tables without a key get inserts only, an array without a key suspends its
table, updates of a primary key are ignored, TRUNCATE follows HandleSourceTableTruncated.

Not here, and refused where it is asked for: DDL replication (a new column suspends its table until
the target has it), source filters and expressions, partitioned source tables, given slots and
start positions, TargetSchema, CreatePkAfterFullLoad, before images, validation-only tasks, status
and history tables, premigration assessments.
"""
