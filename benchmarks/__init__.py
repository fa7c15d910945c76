"""What the project costs, measured as a user would run it."""
