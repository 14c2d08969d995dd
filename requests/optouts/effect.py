"""What an opt-out brings about: tokens that keep the address out, and preferences of whoever has it.

Invariants:
- Every case holds its own tokens, also where an earlier one holds the same: a lift takes away its own and
  nobody else's, and whoever opted out twice stays out until both are lifted.
- Two opt-outs, or an opt-out and a lift, of one address never run at the same time: `hold_address` makes the
  second one wait and see what the first has done.
- Seeds are never suppressed (R34).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from clients.models import Client
from consumers import matching
from consumers.models import (
    BlindIndex,
    Consumer,
    MarketingChannel,
    Preference,
    SuppressionToken,
)
from consumers.profile import Profile
from consumers.search import candidate_ids
from consumers.vaulting import Digest, blind_digests, open_profiles, suppression_tokens
from portal import vault
from portal.errors import Refused
from portal.models import User
from requests.optouts.models import OptOut

LEAST_SCORE = 90.0
"""How well a misspelt postal address must fit before its person is opted out with it."""


def tokens_of(client_id: UUID, address: Profile) -> list[Digest]:
    """The (kind, token) pairs of an address, each once."""
    return sorted(set(suppression_tokens(vault.indexer(client_id), address)))


def hold_client(client: Client) -> None:
    """Share the client's row until the end of the transaction, so that no drop is planned meanwhile.

    Opt-outs of one client do not wait for each other. Raises Refused once its processing has ended.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT ended_at FROM clients_client WHERE id = %s FOR SHARE", [client.pk])
        (ended_at,) = cursor.fetchone()
    if ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")


def hold_address(tokens: Iterable[Digest]) -> None:
    """Wait for any other transaction that deals with this address, then keep others waiting."""
    numbers = sorted({int.from_bytes(token[:8], "big", signed=True) for _, token in tokens})
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def write_tokens(opt_out: OptOut, tokens: Iterable[Digest], *, now: datetime) -> int:
    """Write the tokens of this case. Returns how many."""
    rows = [
        SuppressionToken(
            client_id=opt_out.client_id,
            kind=kind,
            token=token,
            reason=SuppressionToken.Reason.OPT_OUT,
            channel=opt_out.marketing_channel,
            brand_id=opt_out.brand_id,
            case_id=opt_out.pk,
            since=now,
        )
        for kind, token in tokens
    ]
    return len(SuppressionToken.objects.bulk_create(rows))


def remove_tokens(opt_out: OptOut) -> int:
    """Remove the tokens of this case; those of other cases, and of erasures, stay."""
    removed, _ = SuppressionToken.objects.filter(
        client_id=opt_out.client_id, case_id=opt_out.pk, reason=SuppressionToken.Reason.OPT_OUT
    ).delete()
    return removed


def mark_of(kind: int, token: bytes) -> bytes:
    """A token behind the byte of its kind, as `OptOut.found_by` keeps it."""
    return bytes([kind]) + token


def marks_of(opt_out: OptOut) -> list[bytes]:
    """The tokens of this case as marks, for when they keep nobody out any more."""
    rows = SuppressionToken.objects.filter(
        client_id=opt_out.client_id, case_id=opt_out.pk, reason=SuppressionToken.Reason.OPT_OUT
    )
    return [mark_of(kind, bytes(token)) for kind, token in rows.values_list("kind", "token")]


def holding(client_id: UUID, tokens: Iterable[Digest]) -> Q:
    """The condition for rows that hold one of the tokens."""
    found = [Q(kind=kind, token=token) for kind, token in tokens]
    return Q(client_id=client_id) & reduce(or_, found, Q(pk__in=[]))


def reaching(channel: str, brand_id: UUID | None) -> Q:
    """The condition for tokens that keep out of the whole of `channel` ("": all) and brand (None: all)."""
    brands = Q(brand_id__isnull=True)
    if brand_id is not None:
        brands |= Q(brand_id=brand_id)
    return Q(channel__in={"", channel}) & brands


def selecting(channel: str, brand_id: UUID | None) -> Q:
    """The condition for tokens that forbid to select somebody for `channel` and a brand.

    What is sent for all brands (None) is forbidden by an opt-out of any one of them.
    """
    brands = Q() if brand_id is None else Q(brand_id__isnull=True) | Q(brand_id=brand_id)
    return Q(channel__in={"", channel}) & brands


def covering(
    client_id: UUID, tokens: Sequence[Digest], channel: str, brand_id: UUID | None
) -> list[UUID]:
    """The opt-outs, oldest first, that already keep the whole address out of this channel and brand."""
    rows = (
        SuppressionToken.objects.filter(
            holding(client_id, tokens),
            reaching(channel, brand_id),
            reason=SuppressionToken.Reason.OPT_OUT,
        )
        .values("case_id")
        .annotate(held=Count("id"))
        .filter(held=len(tokens))
        .order_by("case_id")
    )
    return [row["case_id"] for row in rows]


def stopping_mail(opt_out: OptOut, tokens: Sequence[Digest]) -> list[UUID]:
    """Other opt-outs, oldest first, that stop mail to the address, the first of which has the tail.

    A second one must not begin six new months, in which a catalog could come that was stopped before.
    """
    found = covering(opt_out.client_id, tokens, MarketingChannel.MAIL, opt_out.brand_id)
    return [case_id for case_id in found if case_id != opt_out.pk]


# --------------------------------------------------------------------------------------- consumers


def matching_consumers(client_id: UUID, address: Profile) -> list[Consumer]:
    """The active consumers who have the address, locked; whoever fits a postal address misspelt too."""
    ids = set(_ids_by_identifier(client_id, address))
    if matching.level_keys(address).get(matching.Level.INDIVIDUAL):
        ids |= set(_ids_by_post(client_id, address))
    rows = Consumer.objects.select_for_update(of=("self",)).filter(
        client_id=client_id, pk__in=ids, state=Consumer.State.ACTIVE, is_seed=False
    )
    return list(rows.order_by("pk"))


def _ids_by_identifier(client_id: UUID, address: Profile) -> Iterable[UUID]:
    digests = blind_digests(vault.indexer(client_id), address, codes=())
    if not digests:
        return []
    wanted = reduce(or_, (Q(kind=kind, digest=digest) for kind, digest in digests))
    return BlindIndex.objects.filter(wanted, client_id=client_id).values_list(
        "consumer_id", flat=True
    )


def _ids_by_post(client_id: UUID, address: Profile) -> Iterable[UUID]:
    candidates = Consumer.objects.filter(
        client_id=client_id,
        pk__in=candidate_ids(client_id, address),
        state=Consumer.State.ACTIVE,
    )
    ranked = matching.rank(address, open_profiles(candidates).items(), least=LEAST_SCORE)
    return [one.key for one in ranked if one.level is matching.Level.INDIVIDUAL]


# ------------------------------------------------------------------------------------- preferences


def channels_of(opt_out: OptOut) -> list[str]:
    """The marketing channels of an opt-out."""
    if opt_out.marketing_channel:
        return [opt_out.marketing_channel]
    return [str(channel) for channel in MarketingChannel.values]


def opt_out_consumers(
    opt_out: OptOut, consumers: Collection[Consumer], *, by: User, now: datetime
) -> int:
    """Set the preferences of the consumers to opted out, with history. Returns how many rows changed.

    An opt-out of all brands also turns what was said for single brands. A preference that is opted out
    already is left as it is, with the source that said so first.
    """
    ids, channels = [consumer.pk for consumer in consumers], channels_of(opt_out)
    held = Preference.objects.select_for_update(of=("self",)).filter(
        client_id=opt_out.client_id, consumer_id__in=ids, channel__in=channels
    )
    if opt_out.brand_id is not None:
        held = held.filter(brand_id=opt_out.brand_id)
    rows = list(held.order_by("pk"))
    there = {(row.consumer_id, row.channel, row.brand_id) for row in rows}
    new = [
        _preference(opt_out, consumer_id, channel, now)
        for consumer_id in ids
        for channel in channels
        if (consumer_id, channel, opt_out.brand_id) not in there
    ]
    bulk_create_with_history(new, Preference, default_user=by, default_date=now)
    turned = [row for row in rows if row.opted_in]
    _turn(turned, opted_in=False, source=opt_out.reference, at=now, by=by, now=now)
    return len(new) + len(turned)


def opt_in_consumers(
    opt_out: OptOut,
    consumers: Collection[Consumer],
    *,
    opted_in_at: datetime,
    by: User,
    now: datetime,
) -> int:
    """Set preferences to opted in as of the evidence, where nothing else keeps the person out.

    What a file of the client said after the opt-in stands: that is newer. Returns how many rows changed.
    """
    rows = Preference.objects.select_for_update(of=("self",)).filter(
        client_id=opt_out.client_id,
        consumer_id__in=[consumer.pk for consumer in consumers],
        channel__in=channels_of(opt_out),
        opted_in=False,
    )
    if opt_out.brand_id is None:
        rows = rows.filter(brand_id__isnull=True)
    else:
        rows = rows.filter(brand_id=opt_out.brand_id)
    kept_out = _kept_out(opt_out.client_id, consumers)
    turned = [
        row
        for row in rows.order_by("pk")
        if _is_older(row, opted_in_at) and not _is_kept_out(row, kept_out)
    ]
    _turn(turned, opted_in=True, source=opt_out.reference, at=opted_in_at, by=by, now=now)
    return len(turned)


def _is_older(row: Preference, opted_in_at: datetime) -> bool:
    # An opt-out's row is dated when it was logged, which may be after the opt-in; its case was compared by
    # the date of receipt instead.
    return row.source.startswith(f"{OptOut.PREFIX}-") or row.changed_at <= opted_in_at


def _kept_out(
    client_id: UUID, consumers: Collection[Consumer]
) -> dict[UUID, list[SuppressionToken]]:
    """The tokens in force that keep each consumer out, by any of their identifiers."""
    indexer = vault.indexer(client_id)
    return {
        consumer_id: list(
            SuppressionToken.objects.filter(
                holding(client_id, suppression_tokens(indexer, profile))
            )
        )
        for consumer_id, profile in open_profiles(consumers).items()
    }


def _is_kept_out(row: Preference, kept_out: dict[UUID, list[SuppressionToken]]) -> bool:
    return any(
        token.channel in ("", row.channel) and token.brand_id in (None, row.brand_id)
        for token in kept_out.get(row.consumer_id, [])
    )


def _preference(opt_out: OptOut, consumer_id: UUID, channel: str, now: datetime) -> Preference:
    return Preference(
        client_id=opt_out.client_id,
        consumer_id=consumer_id,
        channel=channel,
        brand_id=opt_out.brand_id,
        opted_in=False,
        changed_at=now,
        source=opt_out.reference,
    )


def _turn(
    rows: Sequence[Preference],
    *,
    opted_in: bool,
    source: str,
    at: datetime,
    by: User,
    now: datetime,
) -> None:
    for row in rows:
        row.opted_in, row.changed_at, row.source = opted_in, at, source
    if rows:
        bulk_update_with_history(
            rows,
            Preference,
            ["opted_in", "changed_at", "source"],
            default_user=by,
            default_date=now,
        )
