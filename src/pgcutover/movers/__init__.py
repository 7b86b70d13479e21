"""What carries the rows from the source to the target."""
