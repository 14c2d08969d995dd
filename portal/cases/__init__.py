"""What every case has: a reference, a state table, a clock, an assignee, a thread, files."""
