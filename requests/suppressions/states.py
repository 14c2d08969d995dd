"""The states of a catalog suppression (domain.md)."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM

STAFF = (ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM)

SUPPRESSION_TABLE = StateTable(
    "catalog suppression",
    {
        "requested": "Requested",
        "effective": "In effect, no drop under way",
        "tail_open": "In effect, tail open",
        "tail_closed": "In effect, tail closed",
        "complete": "Complete",
        "lifted": "Lifted",
    },
    [
        transition_of("take_effect", ["requested"], None, STAFF, "put it into effect"),
        transition_of("close_tail", ["tail_open"], "tail_closed", (SYSTEM,), "close the tail of"),
        transition_of("complete", ["effective", "tail_closed"], "complete", (SYSTEM,)),
        transition_of(
            "note_violation",
            ["effective", "tail_open", "tail_closed", "complete"],
            None,
            STAFF,
            "note a violation of",
        ),
        transition_of(
            "lift",
            ["requested", "effective", "tail_open", "tail_closed", "complete"],
            "lifted",
            (SECURITY_OFFICER,),
        ),
    ],
    initial="requested",
    final=["complete", "lifted"],
)
