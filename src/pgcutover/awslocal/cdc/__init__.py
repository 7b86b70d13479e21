"""Change data capture: reading a logical slot and applying its changes."""
