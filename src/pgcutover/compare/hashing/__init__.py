"""SQL expressions that hash values and rows so that equal hashes mean equal representation."""
