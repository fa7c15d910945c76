"""Clean contacts become calls: start-times, limits, claims, frozen batches."""
