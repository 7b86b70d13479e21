"""Facts about a server that must hold before a migration starts."""
