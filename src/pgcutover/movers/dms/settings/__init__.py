"""Task settings of DMS, and the risks of each."""
