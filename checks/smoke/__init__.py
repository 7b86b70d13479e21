"""Checks of the stage `smoke`."""
