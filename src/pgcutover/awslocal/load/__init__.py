"""Full load: creating target tables and copying rows."""
