"""Data-subject requests: a folder a kind, each with its models, states, verbs, admin, views and tasks.

The name is also that of an HTTP library, which is never installed here (docs/adr/0002).
"""
