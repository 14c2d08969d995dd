"""The states of an import."""

from portal.cases.states import StateTable, transition_of
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM

STAFF = (ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM)

IMPORT_TABLE = StateTable(
    "import",
    {
        "uploaded": "Uploaded",
        "queued": "Queued",
        "running": "Running",
        "stopped": "Stopped",
        "finished": "Finished",
        "failed": "Failed",
        "cancelled": "Cancelled",
    },
    [
        transition_of("start", ["uploaded"], "queued", STAFF),
        transition_of("begin", ["queued", "running"], "running", (SYSTEM,), "begin"),
        transition_of("stop", ["queued", "running"], "stopped", STAFF),
        transition_of("resume", ["stopped", "failed"], "queued", STAFF),
        transition_of("finish", ["running"], "finished", (SYSTEM,), "finish"),
        transition_of("fail", ["queued", "running"], "failed", (SYSTEM,), "record the failure of"),
        transition_of("release", ["finished"], None, STAFF, "release the quarantine of"),
        transition_of("cancel", ["uploaded", "stopped", "failed"], "cancelled", STAFF),
    ],
    initial="uploaded",
    final=["finished", "cancelled"],
)
