"""What both servers contain, read once from their catalogs."""
