"""The folder of a migration's runs: lock, log and retention."""
