"""What can be done with the file of an erasure, as buttons of its case's page."""

from typing import Final

from portal.admin import Verb
from requests.erasures.intake import verbs

VERBS: Final = (
    Verb(
        "stop",
        "Stop reading…",
        verbs.stop,
        explain="The worker stops after the rows that it is at. What was read stays.",
    ),
    Verb(
        "resume",
        "Go on reading…",
        verbs.resume,
        explain="The worker goes on after the last row that was read.",
    ),
    Verb(
        "discard",
        "Discard the file…",
        verbs.discard,
        danger=True,
        explain="Nobody is erased. The file is destroyed, and the instruction is free for another case.",
    ),
    Verb(
        "leave_out",
        "Leave out all that are ambiguous…",
        verbs.leave_out,
        danger=True,
        explain="Nobody is erased for the rows that are still ambiguous. The certificate says how many they were.",
    ),
)
NAMES: Final = frozenset(verb.name for verb in VERBS)
CHECKS: Final = {"stop": verbs.check_can_stop, "resume": verbs.check_can_resume}
"""What a verb asks beyond state and role."""
