"""Phone campaigns from the warehouse through Phonon: never twice, never lost, never over the limit."""
