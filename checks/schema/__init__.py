"""Checks of the stage `schema`."""
