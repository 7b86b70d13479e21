"""Opens the databases of a run: the configured ones, or those of a rehearsal."""
