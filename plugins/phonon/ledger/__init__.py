"""What was promised and what happened: claims, frozen batches, sends, answers and the rate budget."""
