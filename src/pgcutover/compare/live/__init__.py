"""Rechecking differences while a mover still applies changes."""
