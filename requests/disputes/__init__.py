"""Dispute cases: complaints under the frameworks, the dispute body, remedies, arbitration (R7 to R21)."""
