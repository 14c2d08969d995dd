"""The ladder of a dispute (domain.md): the company, the dispute body, the authorities, arbitration."""

from portal.cases.states import StateTable, transition_of
from portal.roles import AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER, SYSTEM

STAFF = (DISPUTE_STAFF, SECURITY_OFFICER)
READERS = (*STAFF, AUDITOR)

DIRECT = ("direct_open", "direct_final", "direct_lapsed")
WITH_BODY = ("ana_filed", "ana_eligible", "ana_mediation")
BODY_DONE = ("ana_ineligible", "ana_resolved", "ana_determined", "ana_unresolved")
AUTHORITIES = ("dpa_referred", "commerce_review", "arbitration_eligible")
PANEL = ("notice_received", "panel_formed", "award")
REMEDIES = ("remedy_due", "award", "referred_to_ftc")
BEFORE_PANEL = (
    *DIRECT,
    *WITH_BODY,
    *BODY_DONE,
    *AUTHORITIES,
    "remedy_due",
    "remedy_verified",
    "objected",
    "referred_to_ftc",
    "closed",
)
OPEN = (*(state for state in BEFORE_PANEL if state != "closed"), *PANEL, "award_performed")

DISPUTE_TABLE = StateTable(
    "dispute case",
    {
        "direct_open": "With us, to be answered",
        "direct_final": "Answered by us",
        "direct_lapsed": "Not answered in time",
        "ana_filed": "Notice of the dispute body",
        "ana_eligible": "Found eligible by the dispute body",
        "ana_ineligible": "Found ineligible by the dispute body",
        "ana_mediation": "In mediation",
        "ana_resolved": "Settled with the dispute body",
        "ana_determined": "Determined by the dispute body",
        "ana_unresolved": "Left unresolved by the dispute body",
        "remedy_due": "Remedies due",
        "remedy_verified": "Remedies verified",
        "dpa_referred": "With a data protection authority",
        "commerce_review": "With the Department of Commerce",
        "arbitration_eligible": "Open to arbitration",
        "notice_received": "Notice of arbitration",
        "objected": "Notice of arbitration objected to",
        "panel_formed": "Panel formed",
        "award": "Award to be performed",
        "award_performed": "Award performed",
        "referred_to_ftc": "Referred to the FTC",
        "closed": "Closed",
        "emptied": "Closed, its words destroyed",
    },
    [
        transition_of("acknowledge", [*DIRECT, "ana_filed"], None, STAFF),
        transition_of("assess", [*DIRECT, *WITH_BODY, *BODY_DONE], None, STAFF),
        transition_of("answer", ["direct_open"], "direct_final", STAFF),
        transition_of(
            "answer_late",
            ["direct_open", "direct_lapsed"],
            "direct_lapsed",
            STAFF,
            "answer it after its 45 days",
        ),
        transition_of("lapse", ["direct_open"], "direct_lapsed", (SYSTEM,)),
        transition_of(
            "receive_ana_notice",
            [*DIRECT, "objected", "closed"],
            "ana_filed",
            STAFF,
            "record a notice of the dispute body on it",
        ),
        transition_of("reply_to_body", WITH_BODY, None, STAFF, "reply to the dispute body on it"),
        transition_of("find_eligible", ["ana_filed"], "ana_eligible", STAFF),
        transition_of("find_ineligible", ["ana_filed"], "ana_ineligible", STAFF),
        transition_of("mediate", ["ana_eligible"], "ana_mediation", STAFF),
        transition_of("resolve", ["ana_eligible", "ana_mediation"], "ana_resolved", STAFF),
        transition_of("determine", ["ana_eligible", "ana_mediation"], "ana_determined", STAFF),
        transition_of(
            "leave_unresolved", ["ana_eligible", "ana_mediation"], "ana_unresolved", STAFF
        ),
        transition_of(
            "order_remedies",
            ["ana_resolved", "ana_determined", "remedy_due"],
            "remedy_due",
            STAFF,
            "order remedies on it",
        ),
        transition_of("perform_remedy", REMEDIES, None, STAFF, "note a remedy of it as performed"),
        transition_of("verify_remedy", REMEDIES, None, STAFF, "verify a remedy of it"),
        transition_of(
            "refuse_remedy", REMEDIES, None, STAFF, "note that a remedy of it is refused"
        ),
        transition_of(
            "verify_all",
            ["remedy_due", "referred_to_ftc"],
            "remedy_verified",
            STAFF,
            "end the remedies of it",
        ),
        transition_of(
            "refer_to_dpa",
            [*DIRECT, *BODY_DONE, "objected"],
            "dpa_referred",
            STAFF,
            "note that it is with an authority",
        ),
        transition_of("begin_review", ["dpa_referred"], "commerce_review", STAFF),
        transition_of("close_review", ["commerce_review"], None, STAFF, "end the review of it"),
        transition_of(
            "find_arbitrable",
            ["commerce_review"],
            "arbitration_eligible",
            STAFF,
            "open it to arbitration",
        ),
        transition_of(
            "receive_notice",
            BEFORE_PANEL,
            "notice_received",
            STAFF,
            "record a notice of arbitration on it",
        ),
        transition_of("object", BEFORE_PANEL, "objected", STAFF, "object to a notice on it"),
        transition_of("send_objection", ["objected"], None, STAFF, "send the objection on it"),
        transition_of("note_bars", OPEN, None, STAFF, "note what rules arbitration out on it"),
        transition_of("form_panel", ["notice_received"], "panel_formed", STAFF),
        transition_of("record_award", ["panel_formed"], "award", STAFF, "record the award on it"),
        transition_of("perform_award", ["award"], "award_performed", STAFF, "end the award of it"),
        transition_of(
            "refer_to_ftc",
            ["remedy_due", "award", "ana_determined", "ana_unresolved", "remedy_verified"],
            "referred_to_ftc",
            STAFF,
            "note that it is with the FTC",
        ),
        transition_of(
            "close",
            [
                *("direct_final", "direct_lapsed", *BODY_DONE),
                *("remedy_verified", "award_performed", "objected", "referred_to_ftc"),
                *AUTHORITIES,
            ],
            "closed",
            STAFF,
        ),
        transition_of("withdraw", OPEN, "closed", STAFF, "close it as withdrawn"),
        transition_of("name_person", [*OPEN, "closed"], None, (SECURITY_OFFICER,)),
        transition_of("empty", ["closed"], "emptied", (SYSTEM,), "destroy the words of"),
        transition_of("add_note", [*OPEN, "closed"], None, STAFF, "add to it"),
    ],
    initial="direct_open",
    final=["closed", "emptied"],
)
