"""Both servers as a migration meets them: their clocks, the way to them, their parameters."""
