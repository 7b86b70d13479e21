"""Movers: tools that copy rows from the source to the target."""
