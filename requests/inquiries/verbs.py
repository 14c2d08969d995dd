"""What is done with an inquiry as a whole, from its receipt to its end (R2 to R7, R43 to R47).

What is done for one client is in `requests.inquiries.branches`, letters are in `requests.inquiries.letters`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clients.models import Client
from clients.recording import recorded
from consumers.models import Consumer
from consumers.profile import Profile
from portal.cases import files, thread, timekeeping
from portal.cases.clockwork import check_can_extend
from portal.cases.models import Channel
from portal.cases.verbs import record_verb, transition
from portal.clocks import local_day
from portal.correspondence import Party
from portal.errors import Refused
from portal.history import save_signed
from portal.house import ensure_house
from portal.models import User
from portal.roles import SYSTEM, check_role
from requests.inquiries import branches, deadlines, letters
from requests.inquiries.models import Inquiry, InquiryBranch, Kind
from requests.inquiries.states import INTAKE
from requests.optouts.verbs import log_opt_out

LONGEST_TEXT = 200_000
EARLIEST_YEAR = 2000
ORIGINAL = "original"


def log_inquiry(
    *,
    channel: str,
    sender: Party,
    subject: str,
    text: str,
    received_at: datetime,
    by: User,
    now: datetime,
    original: bytes | None = None,
    original_name: str = "",
    original_type: str = "",
    message_id: str = "",
) -> Inquiry:
    """Log what a consumer wrote or said to the company, word for word, and start its clocks at the receipt (R44).

    `received_at` is when anybody at the company received it; `original` the scan, or the e-mail as it came
    (RFC 5322), kept sealed beside the text. Nobody is looked up: whether the person is known plays no part
    here. Raises Refused; nothing is stored then.
    """
    row = Inquiry(channel=channel, received_at=received_at)
    with recorded(
        "inquiry.log",
        by=by,
        now=now,
        client_id=row.client_id,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ):
        check_role(by, *INTAKE, SYSTEM)
        check_can_log(row, text, now=now)
        ensure_house()
        row.open_case(by=by, now=now)
        row.seal_content(_content(sender, subject, text, message_id))
        row.save(force_insert=True)
        deadlines.start_all(row, by=by, now=now)
        if original:
            _keep(row, original, original_name, original_type, by=by, now=now)
    return row


def check_can_log(row: Inquiry, text: str, *, now: datetime) -> None:
    """Raise Refused where an inquiry as given cannot be: its door, its times, or without a word."""
    if row.channel not in Channel.values:
        raise Refused("Choose the way by which it came in.", code="channel")
    if row.received_at > now:
        raise Refused("It cannot have been received in the future.", code="received_in_future")
    if local_day(row.received_at, deadlines.house_zone()).year < EARLIEST_YEAR:
        raise Refused("Check the year in which it was received.", code="received_long_ago")
    if not text.strip():
        raise Refused("Write down what the consumer wrote or said.", code="no_text")
    if len(text) > LONGEST_TEXT:
        raise Refused("The text is too long. Attach it as a file.", code="too_long")


def add_reply(
    inquiry: Inquiry,
    *,
    channel: str,
    sender: Party,
    subject: str,
    text: str,
    received_at: datetime,
    by: User,
    now: datetime,
    original: bytes | None = None,
    original_name: str = "",
    original_type: str = "",
    message_id: str = "",
) -> None:
    """Add what the consumer wrote later to the thread; it ends a wait for them (R44), whatever the state is.

    A reply to a closed inquiry is kept too, and shown as unread until somebody has looked at it. Raises Refused
    where the inquiry's words were destroyed: what comes now is an inquiry of its own.
    """
    with recorded(
        "inquiry.reply",
        by=by,
        now=now,
        client_id=inquiry.client_id,
        object_kind=inquiry._meta.label_lower,
        object_id=inquiry.pk,
    ):
        check_role(by, *INTAKE, SYSTEM)
        locked = Inquiry.objects.select_for_update(of=("self",)).get(pk=inquiry.pk)
        if locked.sealed is None:
            raise Refused("The words of this inquiry were destroyed; log a new one.", code="empty")
        heading = "\n".join(line for line in (sender.name or sender.email, subject) if line)
        thread.add(
            locked,
            direction="in",
            channel=channel,
            text=f"{heading}\n\n{text.strip()}".strip()[:LONGEST_TEXT],
            by=by,
            now=received_at,
        )
        if original:
            _keep(locked, original, original_name, original_type, by=by, now=now)
        deadlines.go_on(locked, by=by, now=now)
        locked.reply_at = now
        save_signed(locked, by=by, now=now)
    inquiry.refresh_from_db()


def mark_read(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Note that a reply was read."""
    inquiry.check_reach(by)
    if Inquiry.objects.filter(pk=inquiry.pk, reply_at__isnull=False).update(reply_at=None):
        record_verb(inquiry, "mark_read", by=by, now=now)
        inquiry.refresh_from_db()


def acknowledge(inquiry: Inquiry, *, message: letters.Message, by: User, now: datetime) -> None:
    """Tell the consumer that we have it: reference, receipt, next step, dispute body (R7, document 1)."""
    with transition(inquiry, "acknowledge", by=by, now=now) as locked:
        _acknowledge(locked, message, by=by, now=now)


def _acknowledge(locked: Inquiry, message: letters.Message, *, by: User, now: datetime) -> None:
    letters.send(
        locked, letters.ACKNOWLEDGEMENT, message, by=by, now=now, next_step=letters.NEXT_STEP
    )
    locked.acknowledged_at = now
    timekeeping.stop(locked, deadlines.ACKNOWLEDGEMENT, by=by, now=now)


def triage(
    inquiry: Inquiry,
    *,
    kind: str,
    regime: str,
    urgency: str,
    clients: Sequence[Client],
    assignee: User | None,
    by: User,
    now: datetime,
) -> None:
    """Say what an inquiry is, under which law, whom it concerns and who has it (R43).

    A branch is opened for each of `clients`. An opt-out that came from an e-mail address is honoured at each of
    them at once (R24, R29). Triage can be repeated; it then corrects kind, law, urgency and assignee.
    """
    with transition(inquiry, "triage", by=by, now=now, reason=kind) as locked:
        if kind not in Kind.values or urgency not in Inquiry.Urgency.values:
            raise Refused("Choose what the consumer wants.", code="kind")
        rule = deadlines.check_regime(regime, locked.received_at)
        for client in clients:
            branches.check_client(client, by)
        locked.kind, locked.regime, locked.urgency = kind, rule.code, urgency
        locked.assignee, locked.triaged_at = assignee, now
        locked.outcome = locked.denial = ""
        deadlines.follow_regime(locked, rule, by=by, now=now)
        for client in clients:
            branches.open_branch(locked, client, None, by=by, now=now)
        if kind == Kind.OPT_OUT:
            _honour_all(locked, by=by, now=now)


def choose_people(inquiry: Inquiry, *, people: Sequence[Consumer], by: User, now: datetime) -> None:
    """Name the people on file whom the inquiry is about; each becomes, or joins, its client's branch (R4)."""
    with transition(
        inquiry, "choose_people", by=by, now=now, counts={"people": len(people)}
    ) as locked:
        if not people:
            raise Refused("Choose at least one person.", code="nobody")
        for person in people:
            branches.check_client(person.client, by)
            branches.open_branch(locked, person.client, person.pk, by=by, now=now)


def honour_opt_out(
    inquiry: Inquiry,
    *,
    clients: Sequence[Client],
    address: Profile,
    marketing_channel: str,
    by: User,
    now: datetime,
) -> None:
    """Honour an opt-out at these clients at once, from nothing but the address (R24, R29)."""
    with transition(inquiry, "honour_opt_out", by=by, now=now) as locked:
        if not clients:
            raise Refused("Choose the clients.", code="no_client")
        for client in clients:
            branches.check_client(client, by)
            branch = _branch_at(locked, client, by=by, now=now)
            _honour(branch, locked, address, marketing_channel, by=by, now=now)


def _branch_at(inquiry: Inquiry, client: Client, *, by: User, now: datetime) -> InquiryBranch:
    held = InquiryBranch.objects.filter(inquiry=inquiry, client=client).exclude(state="dropped")
    return held.order_by("pk").first() or branches.open_branch(
        inquiry, client, None, by=by, now=now
    )


def _honour_all(locked: Inquiry, *, by: User, now: datetime) -> None:
    """At every branch that nothing has followed from, by the sender's e-mail address."""
    email = sender_of(locked).email
    if not email:
        return
    for branch in branches.branches_of(locked):
        if not branch.followed_kind and branch.is_open:
            _honour(branch, locked, Profile(email=email), "", by=by, now=now)


def _honour(
    branch: InquiryBranch,
    inquiry: Inquiry,
    address: Profile,
    marketing_channel: str,
    *,
    by: User,
    now: datetime,
) -> None:
    opt_out = log_opt_out(
        client=branch.client,
        address=address,
        marketing_channel=marketing_channel,
        channel=inquiry.channel,
        received_at=inquiry.received_at,
        by=by,
        now=now,
    )
    branches.follow(branch, case=opt_out, by=by, now=now)


def route(inquiry: Inquiry, *, message: letters.Message, by: User, now: datetime) -> None:
    """Hand every branch to its client, and tell the consumer to whom it went (R2, document 2)."""
    with transition(inquiry, "route", by=by, now=now) as locked:
        found = [one for one in branches.branches_of(locked) if one.state == "found"]
        if not found:
            raise Refused("Name the client or the person first.", code="no_branch")
        letters.send(locked, letters.REFERRAL, message, by=by, now=now, **referral_values(locked))
        for branch in found:
            branches.hand_off(branch, locked, by=by, now=now)
        timekeeping.stop(locked, deadlines.FORWARDING, by=by, now=now)
    with transition(inquiry, "await_client", by=by, now=now):
        pass


def referral_values(inquiry: Inquiry) -> dict[str, str]:
    """What the referral letter says of the clients: their names, never what they hold."""
    found = [one for one in branches.branches_of(inquiry) if one.state != "dropped"]
    names = sorted({one.client.name for one in found})
    due = [view.due_on for one in found if (view := timekeeping.view(one, deadlines.RESPONSE))]
    return {
        "clients": "\n".join(names),
        "right": inquiry.get_kind_display().lower(),
        "due_on": f"{min(due):%-d %B %Y}" if due else "",
    }


def extend(
    inquiry: Inquiry, *, reason: str, message: letters.Message, by: User, now: datetime
) -> None:
    """Extend the time to answer as its law allows, by a notice that is sent in time (R43, document 4)."""
    with transition(inquiry, "extend", by=by, now=now, reason=reason) as locked:
        view = timekeeping.view(locked, deadlines.RESPONSE)
        if view is None:
            raise Refused("Nothing runs that could be extended.", code="no_clock")
        check_can_extend(view.standing, now)
        notice = letters.send(
            locked, letters.EXTENSION, message, by=by, now=now, **extension_values(locked, reason)
        )
        deadlines.extend_all(locked, reason=reason, notice=notice, by=by, now=now)


def extension_values(inquiry: Inquiry, reason: str) -> dict[str, str]:
    """What the extension notice says: why, the day until now and the new one."""
    view = timekeeping.view(inquiry, deadlines.RESPONSE)
    if view is None or not view.rule.extension:
        return {"due_on": "", "new_due_on": "", "reason": ""}
    return {
        "due_on": f"{view.due_on:%-d %B %Y}",
        "new_due_on": f"{deadlines.extended_until(view):%-d %B %Y}",
        "reason": {"complexity": "the request is complex"}.get(
            reason, "we have received many requests"
        ),
    }


def sender_of(inquiry: Inquiry) -> Party:
    """Who wrote it; empty where the words were destroyed."""
    name, email, lines = inquiry.unseal_content().get("sender", ["", "", []])
    return Party(name, email, tuple(lines))


def words_of(inquiry: Inquiry) -> tuple[str, str]:
    """Subject and text as they were received; empty where they were destroyed."""
    content = inquiry.unseal_content()
    return content.get("subject", ""), content.get("text", "")


def message_id_of(inquiry: Inquiry) -> str:
    """The Message-ID that our e-mails answer, or ""."""
    return str(inquiry.unseal_content().get("message_id", ""))


def _content(sender: Party, subject: str, text: str, message_id: str) -> dict[str, Any]:
    return {
        "sender": [sender.name.strip(), sender.email.strip(), list(sender.address_lines)],
        "subject": " ".join(subject.split())[:500],
        "text": text.strip(),
        "message_id": message_id.strip(),
    }


def _keep(
    row: Inquiry, original: bytes, name: str, content_type: str, *, by: User, now: datetime
) -> None:
    """Keep the scan or the e-mail as it came, sealed."""
    is_mail = row.channel == Channel.EMAIL and not content_type
    files.attach(
        row,
        original,
        kind=ORIGINAL,
        name=name or ("message.eml" if is_mail else "original"),
        content_type=content_type or ("message/rfc822" if is_mail else "application/octet-stream"),
        by=by,
        now=now,
    )
