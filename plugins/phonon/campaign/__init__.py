"""Campaigns: the YAML file a user writes, what its keys mean, and the hours in which it may call."""
