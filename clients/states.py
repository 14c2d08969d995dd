"""The states of a mail drop (domain.md, state diagrams)."""

from clients.controllers import MailDrop
from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER, SYSTEM

PLANNERS = (ACCOUNT_MANAGER, SECURITY_OFFICER, ADMINISTRATOR)

DROP_TABLE = StateTable(
    "mail drop",
    {str(code): str(label) for code, label in MailDrop.State.choices},
    [
        transition_of("lock", ["planned"], "locked", (*PLANNERS, SYSTEM)),
        transition_of("merge", ["locked"], "merged", PLANNERS, "record the merge of"),
        transition_of("print", ["merged"], "at_printer", PLANNERS, "hand it to the printer"),
        transition_of("mail", ["at_printer"], "mailed", PLANNERS, "record the mailing of"),
        transition_of("arrive", ["mailed"], "in_home", PLANNERS, "record the arrival of"),
        transition_of("move", ["planned", "locked", "merged", "at_printer"], None, PLANNERS),
        transition_of(
            "cancel", ["planned", "locked", "merged", "at_printer"], "cancelled", PLANNERS
        ),
    ],
    initial="planned",
    final=["in_home", "cancelled"],
)
