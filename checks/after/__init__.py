"""Checks of the stage `after`."""
