"""Runs the team's commands and HTTP calls."""
