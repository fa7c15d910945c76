"""The command line: ``phonon``, or ``python -m phonon.cli``."""
