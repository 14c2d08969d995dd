"""Steering an erasure that a worker is carrying out: stop, resume, try again; and how far it is.

Invariants:
- A stop changes no state: the case goes on where it was, once it is resumed.
- A stop takes nothing back. Keys that were shredded stay shredded, and what a step has destroyed is stored as such.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from portal.cases.verbs import transition
from portal.errors import Refused
from portal.ledger.models import Leaf, Outcome
from portal.models import User
from portal.work import MAX_ATTEMPTS, given_up, make_due, request_stop
from requests.erasures.models import Erasure
from requests.erasures.states import EXECUTION
from requests.erasures.verbs import hint
from requests.erasures.waiting import WAITS

STARTED: Final = ("approved", *EXECUTION)
WORKED_ON: Final = ("reading", *STARTED)
"""A worker reads the file of a case of many before it is approved; that is steered by `intake.verbs`."""
STOPPED: Final = Q(state__in=("reading", *EXECUTION), stop_requested=True)
FAILED: Final = Q(state__in=WORKED_ON) & given_up()
SENT_BACK: Final = Q(state="matched") & ~Q(last_fault="")
RETRIED: Final = Q(state__in=WORKED_ON, work_due=True) & ~Q(last_fault="")

# ---------------------------------------------------------------------------------------------- verbs


def check_can_stop(erasure: Erasure) -> None:
    """Raise Refused unless a worker is at the erasure, or would take it."""
    if erasure.stop_requested:
        raise Refused("It is stopped already. Resume it to go on.", code="stopped")
    if not erasure.work_due:
        raise Refused("It is not running, because it failed. Try it again to go on.", code="failed")


def stop(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Let the worker stop once it has stored what it is doing. What is destroyed by then stays destroyed."""
    counts: dict[str, int] = {}
    with transition(erasure, "stop_execution", by=by, now=now, counts=counts) as locked:
        check_can_stop(locked)
        request_stop(locked)
        done, total = people_done(locked)
        counts |= {"people_done": done, "people": total} if total else {}


def check_can_resume(erasure: Erasure) -> None:
    """Raise Refused unless it was stopped."""
    if not erasure.stop_requested:
        raise Refused("It was not stopped.", code="not_stopped")


def resume(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Let a worker go on where the last one stopped."""
    with transition(erasure, "resume_execution", by=by, now=now) as locked:
        check_can_resume(locked)
        make_due(locked, now)
        transaction.on_commit(hint)


def check_can_try_again(erasure: Erasure) -> None:
    """Raise Refused unless the workers have given it up, or something forbade them to go on."""
    if erasure.stop_requested:
        raise Refused("It was stopped. Resume it to go on.", code="stopped")
    if erasure.work_due:
        raise Refused("It has not been given up: a worker goes on by itself.", code="still_tried")


def try_again(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Let the workers try again what they had given up, with all of their attempts."""
    with transition(erasure, "try_again", by=by, now=now) as locked:
        check_can_try_again(locked)
        make_due(locked, now)
        transaction.on_commit(hint)


CHECKS: Final = {
    "stop_execution": check_can_stop,
    "resume_execution": check_can_resume,
    "try_again": check_can_try_again,
}

# ------------------------------------------------------------------------------------------- standing

STEPS: Final = {
    "claimed": "Write the journal",
    "journalled": "Shred the keys",
    "shredded": "Nullify the rows",
    "nullified": "Notify the recipients",
    "recipients_notified": "Look for residue",
    "verified": "Seal",
    "sealed": "Certify",
}
"""What a worker does next in each state."""
OF_PEOPLE: Final = ("claimed", "journalled", "shredded")
"""The states whose step goes through the people one batch after the other."""
FAULTS: Final = {
    "workersdied": "Every worker that took it died. Look at the machine's memory and log, then try again.",
}


@dataclass(frozen=True)
class Step:
    """One step of the worker: `standing` is done, now or ahead."""

    label: str
    standing: str


@dataclass(frozen=True)
class Standing:
    """How far an erasure is, in words for its page.

    `kind` is waiting, queued, running, retried, stopping, stopped, failed or over. `done` of `total` people are
    through the present step; `total` is 0 where it does not go through them one by one.
    """

    state: str
    kind: str
    headline: str
    sentence: str
    steps: list[Step]
    done: int
    total: int

    @property
    def mark(self) -> str:
        """What must stay the same for the rest of the page to be true."""
        return f"{self.state}.{self.kind}"

    @property
    def is_live(self) -> bool:
        """Whether it changes by itself, so that the page asks again."""
        return self.kind not in ("stopped", "failed", "over")

    @property
    def step(self) -> str:
        """The step that the worker is at."""
        return next((one.label for one in self.steps if one.standing == "now"), "")

    @property
    def percent(self) -> int:
        """Of the people, through the present step."""
        return 100 * self.done // self.total if self.total else 0


def standing(erasure: Erasure, now: datetime) -> Standing:
    """How far `erasure` is at `now`."""
    kind = kind_of(erasure, now)
    headline, sentence = _words(erasure, kind)
    done, total = people_done(erasure)
    return Standing(erasure.state, kind, headline, sentence, _steps(erasure), done, total)


def kind_of(erasure: Erasure, now: datetime) -> str:
    """The kind of standing of `erasure` (see `Standing`)."""
    is_held = erasure.lease_until is not None and erasure.lease_until > now
    if erasure.state not in STARTED:
        return "over"
    if erasure.stop_requested:
        return "stopping" if is_held else "stopped"
    if not erasure.work_due:
        return "failed"
    if is_held:
        return "running"
    if erasure.last_fault:
        return "retried"
    return "waiting" if erasure.state == "approved" and erasure.suppressed_at else "queued"


def _words(erasure: Erasure, kind: str) -> tuple[str, str]:
    if kind == "waiting":
        return "Waiting", f"It begins after {_time(erasure.recall_until)}."
    if kind == "queued":
        return "Waiting for a worker", ""
    if kind == "running":
        return "A worker is at it", ""
    if kind == "retried":
        when = _time(erasure.next_attempt_at)
        if erasure.last_fault in WAITS:
            return "Waiting", f"{WAITS[erasure.last_fault]} It is looked at again at {when}."
        tried = (
            f"Attempt {max(1, erasure.attempts)} of {MAX_ATTEMPTS} failed ({erasure.last_fault})."
        )
        return "Tried again by itself", f"{tried} The next one is at {when}."
    if kind == "stopping":
        return "Stopping", "The worker stops as soon as it has stored what it is doing."
    if kind == "stopped":
        return "Stopped", f"{_stopped_by(erasure)} {what_stays(erasure)}".strip()
    if kind == "failed":
        return "Failed", f"{fault(erasure)} {what_stays(erasure)}".strip()
    return erasure.state_name, ""


def fault(erasure: Erasure) -> str:
    """Why the workers gave the erasure up, in a sentence."""
    code = erasure.last_fault
    unknown = f"The workers have given up ({code}). Look at the log, then try again."
    return FAULTS.get(code.lower(), unknown)


def what_stays(erasure: Erasure) -> str:
    """What a stop no longer changes."""
    if erasure.state in ("approved", "claimed"):
        return "No key has been shredded yet."
    return (
        "Keys that have been shredded stay shredded: those people cannot be brought back. "
        "Their rows are emptied and the case is sealed only once it goes on."
    )


def _stopped_by(erasure: Erasure) -> str:
    leaves = Leaf.objects.filter(
        object_id=erasure.pk, verb=f"{Erasure.VERB_PREFIX}.stop_execution", outcome=Outcome.DONE
    )
    leaf = leaves.select_related("actor").order_by("-id").first()
    return f"By {leaf.actor} on {_time(leaf.at)}." if leaf else ""


def _time(moment: datetime | None) -> str:
    return f"{moment:%-d %b %Y, %H:%M} UTC" if moment else "its recall window"


def people_done(erasure: Erasure) -> tuple[int, int]:
    """How many people are through the present step, and how many there are.

    Progress counts each person once a step, so that no row of a large case has to be counted for it.
    """
    if erasure.state not in OF_PEOPLE:
        return 0, 0
    total = (erasure.progress_total or 0) // len(OF_PEOPLE)
    before = OF_PEOPLE.index(erasure.state)
    return max(0, min(total, erasure.progress_done - before * total)), total


def _steps(erasure: Erasure) -> list[Step]:
    if erasure.state not in STARTED:
        return []
    here = STARTED.index(erasure.state)
    return [
        Step(label, "done" if at < here else "now" if at == here else "ahead")
        for at, label in enumerate(STEPS.values(), start=1)
    ]
