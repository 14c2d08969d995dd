"""The states of an erasure (architecture.md, "Erasure, step by step")."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM

STAFF = (ACCOUNT_MANAGER, SECURITY_OFFICER)
OFFICER = (SECURITY_OFFICER,)
WORKER = (SYSTEM,)
UNDECIDED = ("instructed", "matched", "no_match", "ambiguous")
NOT_CARRIED_OUT = ("recalled", "rejected", "discarded", "closed_no_match")
"""The ends at which nobody was erased; nothing that the client gave is kept there."""

EXECUTION = (
    "claimed",
    "journalled",
    "shredded",
    "nullified",
    "recipients_notified",
    "verified",
    "sealed",
)
"""The states through which a worker carries an approved erasure; a kill in any of them is resumed."""

ERASURE_TABLE = StateTable(
    "erasure",
    {
        "instructed": "Instructed",
        "uploaded": "File uploaded",
        "reading": "Reading the file",
        "matched": "Matched, awaiting approval",
        "no_match": "Nobody matched",
        "ambiguous": "Ambiguous match",
        "on_hold": "On legal hold",
        "approved": "Approved, can be recalled",
        "claimed": "Executing",
        "journalled": "Journalled",
        "shredded": "Keys shredded",
        "nullified": "Nullified",
        "recipients_notified": "Recipients notified",
        "residue_found": "Residue found",
        "verified": "Verified",
        "sealed": "Sealed",
        "certified": "Certified",
        "recalled": "Recalled",
        "rejected": "Rejected",
        "discarded": "File discarded",
        "closed_no_match": "Closed, nobody matched",
    },
    [
        transition_of("upload", ["instructed"], "uploaded", STAFF, "upload a file for"),
        transition_of("start", ["uploaded"], "reading", STAFF, "read the file of"),
        transition_of("read", ["reading"], None, WORKER, "finish reading the file of"),
        transition_of("stop", ["reading"], None, STAFF, "stop reading the file of"),
        transition_of("resume", ["reading"], None, STAFF, "go on reading the file of"),
        transition_of(
            "discard", ["uploaded", "reading"], "discarded", STAFF, "discard the file of"
        ),
        transition_of("match", UNDECIDED, None, (*STAFF, SYSTEM)),
        transition_of("resolve", ["ambiguous"], None, STAFF, "resolve the ambiguous match of"),
        transition_of("leave_out", ["ambiguous"], None, STAFF, "leave out the ambiguous rows of"),
        transition_of("hold", ["matched", "approved"], "on_hold", OFFICER, "put a legal hold on"),
        transition_of("release", ["on_hold"], "matched", OFFICER, "release the legal hold on"),
        transition_of("approve", ["matched"], "approved", OFFICER),
        transition_of("reject", [*UNDECIDED, "on_hold"], "rejected", OFFICER),
        transition_of(
            "close_unmatched", ["no_match"], "closed_no_match", STAFF, "close it without a match"
        ),
        transition_of("recall", ["approved"], "recalled", STAFF),
        transition_of("send_back", ["approved"], "matched", WORKER, "take back the approval of"),
        transition_of("claim", ["approved"], "claimed", WORKER, "begin"),
        transition_of("journal", ["claimed"], "journalled", WORKER),
        transition_of("shred", ["journalled"], "shredded", WORKER),
        transition_of("nullify", ["shredded"], "nullified", WORKER),
        transition_of(
            "notify", ["nullified"], "recipients_notified", WORKER, "notify the recipients of"
        ),
        transition_of("verify", ["recipients_notified"], "verified", WORKER),
        transition_of(
            "find_residue", ["recipients_notified"], "residue_found", WORKER, "report residue of"
        ),
        transition_of(
            "sweep_again", ["residue_found"], "recipients_notified", OFFICER, "sweep again for"
        ),
        transition_of("seal", ["verified"], "sealed", WORKER),
        transition_of("certify", ["sealed"], "certified", WORKER),
        transition_of("stop_execution", EXECUTION, None, OFFICER, "stop"),
        transition_of("resume_execution", EXECUTION, None, OFFICER, "resume"),
        transition_of("try_again", ["approved", *EXECUTION], None, OFFICER, "retry"),
    ],
    initial="instructed",
    final=["certified", *NOT_CARRIED_OUT],
)
