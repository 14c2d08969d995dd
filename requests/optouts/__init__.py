"""Opt-outs: honoured at once, kept even when nobody matches, lifted only by dated opt-in evidence."""
