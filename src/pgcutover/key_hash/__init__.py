"""Key hashes: the hash by which a report names a row, and the secret behind it."""
