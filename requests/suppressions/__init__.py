"""Catalog suppressions: six calendar months after an opt-out of mail, drop by drop (R31 to R35)."""
