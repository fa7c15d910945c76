"""Sends frozen batches: window, budget, in-flight limit, backoff, split, unknown outcomes. The heart."""
