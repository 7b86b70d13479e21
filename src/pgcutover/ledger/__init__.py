"""The change ledger: the keys that changed on either side, until they have compared equal."""
