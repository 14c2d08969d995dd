"""What is done with an opt-out: logged and honoured at once, confirmed, closed, lifted (R22 to R30)."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from clients.access import check_reach
from clients.instructions.verbs import Evidence, begin, check_covers, finish
from clients.models import Brand, Client, Instruction
from clients.recording import recorded
from consumers.profile import Profile
from consumers.vaulting import Digest
from portal import outbox
from portal.cases import files, thread
from portal.cases.verbs import transition
from portal.clocks import opt_out_deadline
from portal.errors import Refused
from portal.models import User
from portal.regimes import CANADA
from portal.retire import retire
from portal.roles import SYSTEM, check_role
from requests.optouts import addresses, effect
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF

LOGGED_MESSAGE = "optout.logged"
OPT_IN = "opt_in"
OPT_OUT = "opt_out"
EARLIEST_YEAR = 2000


def log_opt_out(
    *,
    client: Client,
    address: Profile,
    marketing_channel: str,
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
    brand: Brand | None = None,
    one_click: bool = False,
    text: str = "",
    evidence: Evidence | None = None,
) -> OptOut:
    """Log an opt-out and honour it at once, in one transaction; kept even where nobody matches (R24, R29).

    `address` is all that is needed: an e-mail address, a telephone number, an external id, or a name at a
    street and postcode. `marketing_channel` "" is every channel, `brand` None every brand; `channel` is the
    door by which it came; `text` its own words and `evidence` the letter, both kept sealed. An opt-out of an
    address that is out already is recorded again and changes nothing (its leaf says "repeated"). Raises
    Refused; nothing is stored then.
    """
    row = OptOut(
        client=client,
        brand=brand,
        marketing_channel=marketing_channel,
        channel=channel,
        received_at=received_at,
    )
    with recorded(
        "optout.log",
        by=by,
        now=now,
        client_id=client.pk,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ) as leaf:
        check_role(by, *STAFF, SYSTEM)
        check_reach(by, client.pk)
        check_can_log(row, now=now)
        known = _read(address, marketing_channel, client)
        effect.hold_client(client)
        tokens = effect.tokens_of(client.pk, known)
        effect.hold_address(tokens)
        _open(row, known, one_click=one_click, by=by, now=now)
        leaf.reason = "repeated" if _suppress(row, known, tokens, by=by, now=now) else ""
        _keep_words(row, text, evidence, by=by, now=now)
        outbox.put(LOGGED_MESSAGE, row.pk, now=now)
    return row


def check_can_log(row: OptOut, *, now: datetime) -> None:
    """Raise Refused where an opt-out as given cannot be: its time, channel or brand."""
    if row.received_at > now:
        raise Refused("It cannot have been received in the future.", code="received_in_future")
    if row.received_at.year < EARLIEST_YEAR:
        raise Refused("Check the year in which it was received.", code="received_long_ago")
    if row.marketing_channel not in addresses.FIELDS:
        raise Refused("Choose the channel that is opted out, or every channel.", code="channel")
    if row.brand is not None and row.brand.client_id != row.client_id:
        raise Refused("This brand is another client's.", code="other_client")


def confirm(opt_out: OptOut, *, channel: str, text: str, by: User, now: datetime) -> None:
    """Record what the consumer was told, and by which way."""
    with transition(opt_out, "confirm", by=by, now=now) as locked:
        if not text.strip():
            raise Refused("Write what the consumer was told.", code="no_text")
        thread.add(
            locked,
            direction="out",
            channel=channel,
            text=text.strip(),
            by=by,
            now=now,
            subject_id=locked.consumer_id,
        )


def close(opt_out: OptOut, *, by: User, now: datetime) -> None:
    """Close the case. The opt-out itself stays in force: it never expires (R26)."""
    with transition(opt_out, "close", by=by, now=now):
        pass


def check_can_lift(opt_out: OptOut, instruction: Instruction, *, by: User, now: datetime) -> None:
    """Raise Refused unless the client instructed this lift, and a second person carries it out (R1, R26)."""
    check_covers(
        instruction,
        kind=Instruction.Kind.SUPPRESSION_LIFT,
        client_id=opt_out.client_id,
        now=now,
        case_id=opt_out.pk,
    )
    if instruction.logged_by_id == by.pk:
        raise Refused(
            "You logged the instruction; another Security Officer lifts the opt-out.",
            code="four_eyes",
        )


def check_opt_in(opt_out: OptOut, opted_in_at: datetime, *, now: datetime) -> None:
    """Raise Refused unless the consumer opted in after the opt-out, and not in the future (R26)."""
    if opted_in_at <= opt_out.received_at:
        raise Refused(
            "The opt-in is not later than the opt-out, so the opt-out stands. "
            "Only a newer opt-in lifts it.",
            code="opt_in_too_early",
        )
    if opted_in_at > now:
        raise Refused("The opt-in cannot be in the future.", code="opt_in_in_future")


def lift(
    opt_out: OptOut,
    *,
    instruction: Instruction,
    opted_in_at: datetime,
    evidence: Evidence,
    by: User,
    now: datetime,
) -> None:
    """Lift an opt-out on dated opt-in evidence and the client's instruction (R26).

    Its own tokens go; those of other opt-outs of the address and of erasures stay. Preferences turn to opted
    in as of the evidence where nothing else keeps the person out. A catalog suppression is lifted with it, or
    goes on under another opt-out that stops mail to the address.
    """
    from requests.suppressions.verbs import end_with

    counts: dict[str, int] = {}
    with transition(opt_out, "lift", by=by, now=now, counts=counts) as locked:
        check_can_lift(locked, instruction, by=by, now=now)
        check_opt_in(locked, opted_in_at, now=now)
        begin(instruction, case=locked, by=by, now=now)
        _attach(locked, evidence, kind=OPT_IN, by=by, now=now)
        locked.lifted_at, locked.opted_in_at = now, opted_in_at
        locked.lift_instruction = instruction
        if locked.consumer_id is None:
            locked.found_by = effect.marks_of(locked)
        others = _release(locked, opted_in_at, counts, by=by, now=now)
        end_with(locked, others, by=by, now=now)
        if locked.consumer_id is None:
            # Nobody needs the address any more; the evidence stays, and is found by its marks.
            retire(locked, "lift", keeping=(OPT_IN,))
        finish(instruction, case=locked, by=by, now=now)


def address_of(opt_out: OptOut) -> Profile | None:
    """The address as it was given, or None where it was erased with its person or destroyed at the lift."""
    kept = opt_out.unseal_content().get("address")
    return Profile(**kept) if kept else None


def _read(address: Profile, marketing_channel: str, client: Client) -> Profile:
    """The address by the rules of the client's country; what it does not need is not kept (R24)."""
    given = {name: getattr(address, name) for name in addresses.KNOWN}
    known, faults = addresses.read(given, address.country or client.default_country)
    if faults:
        raise Refused(next(iter(faults.values())), code="unusable_address")
    if not addresses.is_usable(known):
        raise Refused(addresses.NEEDED[marketing_channel], code="no_address")
    return known


def _open(row: OptOut, known: Profile, *, one_click: bool, by: User, now: datetime) -> None:
    client = row.client
    regions = [*client.regions, *([CANADA] if client.default_country == "CA" else [])]
    due = opt_out_deadline(
        row.marketing_channel,
        regions,
        row.received_at,
        one_click=one_click,
        tz=ZoneInfo(client.time_zone),
    )
    row.open_case(by=by, now=now)
    row.due_at, row.due_rule, row.due_reason = due.due_at, due.rule.code, due.reason
    row.assignee = None if by.is_system else by
    row.seal_content({"address": {k: v for k, v in known._asdict().items() if v}})
    row.save(force_insert=True)


def _suppress(
    row: OptOut, known: Profile, tokens: list[Digest], *, by: User, now: datetime
) -> list[UUID]:
    """Put the opt-out into effect. Returns the opt-outs that kept this address out already."""
    from requests.suppressions.verbs import begin_for

    counts: dict[str, int] = {}
    repeats = effect.covering(row.client_id, tokens, row.marketing_channel, row.brand_id)
    with transition(row, "suppress", by=by, now=now, counts=counts) as locked:
        people = effect.matching_consumers(row.client_id, known)
        locked.effective_at = now
        locked.match = _match(len(people))
        locked.consumer_id = people[0].pk if len(people) == 1 else None
        counts["tokens"] = effect.write_tokens(locked, tokens, now=now)
        counts["people"] = len(people)
        counts["preferences"] = effect.opt_out_consumers(locked, people, by=by, now=now)
        if row.marketing_channel in ("", "mail") and not effect.stopping_mail(locked, tokens):
            begin_for(locked, by=by, now=now)
    return repeats


def _keep_words(
    row: OptOut, text: str, evidence: Evidence | None, *, by: User, now: datetime
) -> None:
    """Keep what the consumer wrote, as the matched person's own, so that it is erased with them."""
    if text.strip():
        thread.add(
            row,
            direction="in",
            channel=row.channel,
            text=text.strip(),
            by=by,
            now=now,
            subject_id=row.consumer_id,
        )
    if evidence is not None:
        _attach(row, evidence, kind=OPT_OUT, by=by, now=now)


def _match(people: int) -> str:
    if people == 0:
        return OptOut.Match.NONE
    return OptOut.Match.ONE if people == 1 else OptOut.Match.SEVERAL


def _release(
    row: OptOut, opted_in_at: datetime, counts: dict[str, int], *, by: User, now: datetime
) -> list[UUID]:
    """Undo the effect of an opt-out. Returns the opt-outs that go on to stop mail to its address."""
    address = address_of(row)
    if address is None:
        counts["tokens"] = effect.remove_tokens(row)
        return []
    tokens = effect.tokens_of(row.client_id, address)
    effect.hold_address(tokens)
    counts["tokens"] = effect.remove_tokens(row)
    people = effect.matching_consumers(row.client_id, address)
    counts["preferences"] = effect.opt_in_consumers(
        row, people, opted_in_at=opted_in_at, by=by, now=now
    )
    return effect.stopping_mail(row, tokens)


def _attach(row: OptOut, evidence: Evidence, *, kind: str, by: User, now: datetime) -> None:
    files.attach(
        row,
        evidence.content,
        kind=kind,
        name=evidence.name,
        content_type=evidence.content_type,
        by=by,
        now=now,
        subject_id=row.consumer_id,
    )
