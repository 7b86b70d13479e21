"""Checks of the stage `readiness`."""
