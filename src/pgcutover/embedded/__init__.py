"""Embedded PostgreSQL servers: install, start, stop and remove them."""
