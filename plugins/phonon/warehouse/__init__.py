"""The warehouse: contacts are read from it in chunks, results are written to it in bulk."""
