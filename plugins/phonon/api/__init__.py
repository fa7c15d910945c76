"""The wire: what Phonon's outbound API is sent and what its answers mean. Imports nothing of ours but errors."""
