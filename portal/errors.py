"""The errors that staff may read."""


class Refused(ValueError):
    """A verb that may not run now, with a sentence that staff can act on.

    The sentence never holds a personal value. `code` is short and goes into the ledger.
    """

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
