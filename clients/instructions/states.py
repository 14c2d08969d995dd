"""The states of an instruction (domain.md, state diagrams)."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM

STAFF = (ACCOUNT_MANAGER, SECURITY_OFFICER)
OFFICER = (SECURITY_OFFICER,)
RUNNING = ("approved", "executing", "executed")

INSTRUCTION_TABLE = StateTable(
    "instruction",
    {
        "received": "Received",
        "awaiting_written_confirmation": "Awaiting written confirmation",
        "authority_checked": "Authority checked",
        "legality_reviewed": "Legality reviewed",
        "approved": "Approved",
        "executing": "Executing",
        "executed": "Executed",
        "confirmed": "Confirmed",
        "suspended": "Suspended",
        "superseded": "Superseded",
        "withdrawn": "Withdrawn",
        "expired": "Expired",
    },
    [
        transition_of(
            "await_confirmation",
            ["received"],
            "awaiting_written_confirmation",
            STAFF,
            "wait for written confirmation of",
        ),
        transition_of(
            "confirm_in_writing",
            ["awaiting_written_confirmation"],
            "received",
            STAFF,
            "record the written confirmation of",
        ),
        transition_of(
            "check_authority",
            ["received"],
            "authority_checked",
            STAFF,
            "record the authority check of",
        ),
        transition_of(
            "review_legality",
            ["authority_checked"],
            "legality_reviewed",
            OFFICER,
            "review the legality of",
        ),
        transition_of("approve", ["legality_reviewed"], "approved", OFFICER),
        transition_of(
            "add_evidence",
            ["received", "awaiting_written_confirmation", "authority_checked", "suspended"],
            None,
            STAFF,
            "attach evidence to",
        ),
        transition_of("begin", ["approved"], "executing", (*STAFF, SYSTEM), "begin to execute"),
        transition_of("release", ["executing"], "approved", (*STAFF, SYSTEM), "give back"),
        transition_of("finish", ["executing"], "executed", (*STAFF, SYSTEM), "finish"),
        transition_of("confirm", ["executed"], "confirmed", STAFF, "confirm it to the client"),
        transition_of(
            "suspend",
            [
                "received",
                "awaiting_written_confirmation",
                "authority_checked",
                "legality_reviewed",
                *RUNNING,
            ],
            "suspended",
            OFFICER,
        ),
        transition_of("resume", ["suspended"], "authority_checked", OFFICER),
        transition_of(
            "supersede",
            [
                "received",
                "awaiting_written_confirmation",
                "authority_checked",
                "legality_reviewed",
                "suspended",
                *RUNNING,
            ],
            "superseded",
            STAFF,
        ),
        transition_of(
            "withdraw",
            [
                "received",
                "awaiting_written_confirmation",
                "authority_checked",
                "legality_reviewed",
                "suspended",
                *RUNNING,
            ],
            "withdrawn",
            STAFF,
        ),
        transition_of(
            "expire",
            [
                "received",
                "awaiting_written_confirmation",
                "authority_checked",
                "legality_reviewed",
                "suspended",
                "approved",
            ],
            "expired",
            (SYSTEM,),
        ),
    ],
    initial="received",
    final=["confirmed", "superseded", "withdrawn", "expired"],
)
