"""Counting, sampling and diagnosing the rows that differ."""
