"""Differences that a declaration, the mapping, a mover or the gate itself explains."""
