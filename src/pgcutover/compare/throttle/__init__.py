"""Keeps the load on a server within its budget."""
