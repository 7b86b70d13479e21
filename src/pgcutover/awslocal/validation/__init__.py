"""DMS data validation: comparing rows after the load."""
