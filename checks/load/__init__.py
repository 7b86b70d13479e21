"""Checks of the stage `load`."""
