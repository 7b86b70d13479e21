"""A folder of own checks, as checks.folder of migration.toml names one."""
