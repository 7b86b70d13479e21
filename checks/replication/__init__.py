"""Checks of the stage `replication`."""
