"""Data subjects: sealed profiles, purchases, web events, preferences; import, search, and the eraser."""
