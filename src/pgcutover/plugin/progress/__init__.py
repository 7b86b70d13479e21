"""Progress of a run: what workers write, and what the terminal shows."""
