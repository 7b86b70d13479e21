"""Conditions under which a freeze may start, and the sentences of those that do not hold."""
