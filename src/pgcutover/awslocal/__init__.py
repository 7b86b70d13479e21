"""The local AWS endpoint of a rehearsal: moto, and a DMS that really moves rows."""
