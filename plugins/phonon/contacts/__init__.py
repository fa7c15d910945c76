"""Contacts: warehouse rows become numbers and texts that Phonon takes, or a reason why not. Pure functions."""
