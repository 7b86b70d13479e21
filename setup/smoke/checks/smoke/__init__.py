"""Own checks of the stage `smoke`."""
