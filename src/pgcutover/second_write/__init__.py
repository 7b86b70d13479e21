"""Checks of an application that writes to both sides itself: what its second write repeats."""
