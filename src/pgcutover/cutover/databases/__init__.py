"""Locks, slots, sequence positions and marker rows of a cutover in both databases."""
