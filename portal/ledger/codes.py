"""What may stand in a leaf: codes, identifiers and small counts; pure.

Invariants
- A code is made of lower-case words with at most three digits at the end of each, so neither an e-mail address,
  a telephone number, a card number nor a sentence is one.
- The same patterns are check constraints of the table, so nobody can store anything else.
"""

import re
from collections.abc import Mapping

WORD = "[a-z]+[0-9]{0,3}"
CODE = f"^{WORD}([._-]{WORD}){{0,7}}$"  # "second_person", "erasure", "r22"
VERB = f"^{WORD}([_-]{WORD}){{0,7}}([.]{WORD}([_-]{WORD}){{0,7}}){{1,3}}$"  # "erasure.approve"
ROLE = "^[A-Za-z]+(,? [A-Za-z]+){0,15}$"  # "Account manager, Auditor"
CODE_LENGTH = 64
# A count has nine digits at most, so a US telephone number with its area code is not one.
MOST = 999_999_999


class NotACode(ValueError):
    """Something that is no code was about to enter the ledger. The text names the field, never the value."""


def check_code(field: str, value: str, pattern: str = CODE, longest: int = CODE_LENGTH) -> None:
    """Raise NotACode unless `value` fits the pattern and is at most `longest` characters long."""
    # "$" would let a line break pass at the end; fullmatch does not, as "$" then has to be the very end.
    if not isinstance(value, str) or len(value) > longest or not re.fullmatch(pattern, value):
        raise NotACode(f"The ledger takes only a short code as {field}.")


def check_counts(counts: Mapping[str, int]) -> None:
    """Raise NotACode unless every key is a code and every value an int from 0 to MOST."""
    for key, value in counts.items():
        check_code("the name of a count", key)
        if type(value) is not int or not 0 <= value <= MOST:
            raise NotACode(f"The ledger counts with whole numbers from 0 to {MOST}.")


def code_of(name: str) -> str:
    """The name of an exception's class as a code: its letters in lower case."""
    return "".join(char for char in name.lower() if char.isascii() and char.isalpha())[:CODE_LENGTH]
