"""Run the command line as a module."""

from phonon.cli.app import app

app(prog_name="phonon")
