"""Comparing rows, orphans and indexes of a source and a target."""
