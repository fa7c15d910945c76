"""What people would pick instead: programs that do the same job, without the promises."""
