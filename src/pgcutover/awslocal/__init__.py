"""A local AWS endpoint: moto, and a DMS that really moves rows with DMS's documented behaviours."""
