"""Bringing a client's files in: upload, mapping, streaming import, quarantine, incidents."""
