"""The states of an inquiry and of its branches, one a client that it concerns (R2, R4)."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, DISPUTE_STAFF, SECURITY_OFFICER, SYSTEM

OFFICER = (SECURITY_OFFICER,)
INTAKE = (SECURITY_OFFICER, ACCOUNT_MANAGER, DISPUTE_STAFF)
ANSWERERS = (SECURITY_OFFICER, ACCOUNT_MANAGER)
UNTRIAGED = ("received", "acknowledged")
IN_HAND = ("triaged", "reopened")
WITH_CLIENTS = ("routed_to_client", "awaiting_client")
WORKING = (*IN_HAND, "awaiting_identity", *WITH_CLIENTS, "response_ready")
UNANSWERED = (*UNTRIAGED, *WORKING)
OPEN = (*UNANSWERED, "responded")
DONE = ("closed", "duplicate", "withdrawn", "rejected", "linked_to_dispute")

INQUIRY_TABLE = StateTable(
    "inquiry",
    {
        "received": "Received",
        "acknowledged": "Acknowledged",
        "triaged": "Triaged",
        "awaiting_identity": "Awaiting proof of identity",
        "routed_to_client": "Routed to the client",
        "awaiting_client": "Awaiting the client",
        "response_ready": "Response ready",
        "responded": "Responded",
        "reopened": "Reopened",
        "closed": "Closed",
        "duplicate": "Duplicate",
        "withdrawn": "Withdrawn",
        "rejected": "Rejected",
        "linked_to_dispute": "Taken on by a dispute",
        "emptied": "Words destroyed",
    },
    [
        transition_of("acknowledge", ["received"], "acknowledged", OFFICER),
        transition_of("triage", [*UNTRIAGED, *IN_HAND], "triaged", OFFICER),
        transition_of(
            "choose_people", IN_HAND, None, OFFICER, "choose the people whom it concerns in"
        ),
        transition_of(
            "honour_opt_out", [*IN_HAND, *WITH_CLIENTS], None, OFFICER, "honour the opt-out of"
        ),
        transition_of(
            "ask_identity", IN_HAND, "awaiting_identity", OFFICER, "ask for proof of identity in"
        ),
        transition_of(
            "settle_identity", ["awaiting_identity"], "triaged", OFFICER, "settle the identity of"
        ),
        transition_of("route", IN_HAND, "routed_to_client", OFFICER, "hand it off to the clients"),
        transition_of("await_client", ["routed_to_client"], "awaiting_client", (*OFFICER, SYSTEM)),
        transition_of("extend", WORKING, None, OFFICER, "extend the time of"),
        transition_of(
            "ready",
            [*IN_HAND, *WITH_CLIENTS],
            "response_ready",
            (*ANSWERERS, SYSTEM),
            "make the response ready for",
        ),
        transition_of("respond", ["response_ready"], "responded", OFFICER, "respond to"),
        transition_of("close", ["responded"], "closed", OFFICER),
        transition_of(
            "mark_duplicate", [*UNTRIAGED, *IN_HAND], "duplicate", OFFICER, "mark it as a duplicate"
        ),
        transition_of(
            "take_back", ["duplicate"], None, (*OFFICER, SYSTEM), "take back that it is a duplicate"
        ),
        transition_of("withdraw", UNANSWERED, "withdrawn", OFFICER),
        transition_of("reject", UNANSWERED, "rejected", OFFICER),
        transition_of("reopen", ["closed", "withdrawn", "rejected"], "reopened", OFFICER),
        transition_of(
            "link_dispute",
            [*OPEN, "closed", "rejected"],
            "linked_to_dispute",
            (SECURITY_OFFICER, DISPUTE_STAFF, SYSTEM),
            "hand it over to a dispute",
        ),
        transition_of("empty", DONE, "emptied", (SYSTEM,), "destroy the words of"),
    ],
    initial="received",
    final=[*DONE, "emptied"],
)

BRANCH_TABLE = StateTable(
    "inquiry branch",
    {
        "found": "Client identified",
        "handed_off": "Handed off to the client",
        "answered": "The client has answered",
        "closed": "Closed",
        "dropped": "Not this client's",
    },
    [
        transition_of("hand_off", ["found"], "handed_off", OFFICER, "hand it off"),
        transition_of(
            "answer", ["handed_off"], "answered", ANSWERERS, "record the client's answer to"
        ),
        transition_of(
            "follow",
            ["found", "handed_off", "answered"],
            None,
            (*ANSWERERS, SYSTEM),
            "name the case that followed from",
        ),
        transition_of("close", ["found", "handed_off", "answered"], "closed", (*ANSWERERS, SYSTEM)),
        transition_of("drop", ["found", "handed_off"], "dropped", (*OFFICER, SYSTEM)),
    ],
    initial="found",
    final=["closed", "dropped"],
)
