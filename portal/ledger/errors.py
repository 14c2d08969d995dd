"""What stops the sealer."""


class LedgerBroken(RuntimeError):
    """The ledger, its witness or its key do not fit together. Sealing stops, so that no fork is signed.

    The text says what does not fit and names sizes only.
    """
