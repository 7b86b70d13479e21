"""What a cutover does in the databases: locks, slots, sequences, markers."""
