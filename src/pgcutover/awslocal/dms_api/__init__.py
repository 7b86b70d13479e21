"""The DMS API operations that the local endpoint answers."""
