"""The states of an opt-out (domain.md). Propagation to vendors joins in with the vendors."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM

STAFF = (ACCOUNT_MANAGER, SECURITY_OFFICER)

OPT_OUT_TABLE = StateTable(
    "opt-out",
    {
        "received": "Received",
        "suppressed": "Suppressed",
        "confirmed": "Confirmed to the consumer",
        "closed": "Closed",
        "lifted": "Lifted",
    },
    [
        transition_of("suppress", ["received"], "suppressed", (*STAFF, SYSTEM)),
        transition_of("confirm", ["suppressed"], "confirmed", STAFF, "record the confirmation of"),
        transition_of("close", ["suppressed", "confirmed"], "closed", STAFF),
        transition_of("lift", ["suppressed", "confirmed", "closed"], "lifted", (SECURITY_OFFICER,)),
    ],
    initial="received",
    final=["closed", "lifted"],
)
