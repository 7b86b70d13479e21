"""A running replication task: process, state, statistics, log."""
