"""``python -m simulator``: the stand-in Phonon in the foreground, until SIGINT or SIGTERM."""

from __future__ import annotations

import sys

from simulator.cli import main

sys.exit(main())
