"""Scans of both sides of a table, by key ranges or by hash buckets."""
