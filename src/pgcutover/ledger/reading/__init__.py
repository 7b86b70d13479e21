"""Reads the changes of both sides from logical slots."""
