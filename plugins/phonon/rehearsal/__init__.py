"""What people do with campaign files before a run: list them, check them, and see what a run would send."""
