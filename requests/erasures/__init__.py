"""Erasures: from a client's instruction to a sealed, certified end (architecture.md, step by step)."""
