"""The worklist: every open case of every kind in one list, the soonest first, and who works on it."""
