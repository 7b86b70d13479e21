"""Checks of the stage `freeze`."""
