"""Sealed people with everything that hangs from a person, as an import leaves them."""

from datetime import date, datetime
from uuid import UUID

from clients.models import Client
from consumers.models import (
    BlindIndex,
    Consumer,
    ImportJob,
    ImportRow,
    Preference,
    Purchase,
    WebEvent,
)
from consumers.profile import Profile, digest_input
from consumers.vaulting import blind_digests, seal_profile
from portal import vault
from portal.cases.files import attach
from portal.cases.models import CaseNote
from portal.correspondence import Party, register_purpose
from portal.correspondence import verbs as letters
from portal.ids import new_id
from portal.models import User
from requests.models import OptOut

ALICE = Profile(
    external_id="cust-000001",
    given_name="Alice",
    surname="Archer",
    email="alice@example.com",
    telephone="+16175550101",
    street="12 Harbor Street",
    locality="Boston",
    region="MA",
    postcode="02210",
    country="US",
    birthday="1970-12-31",
)
BOB = ALICE._replace(
    external_id="cust-000002",
    given_name="Bob",
    email="bob@example.com",
    telephone="+16175550102",
)
CHARLIE = Profile(
    external_id="cust-000003",
    given_name="Charlie",
    surname="Cooper",
    email="charlie@example.com",
    street="7 Mill Lane",
    locality="Salem",
    region="MA",
    postcode="01970",
    country="US",
)


def person(number: int) -> Profile:
    """One of many."""
    return Profile(
        external_id=f"cust-{number:06d}",
        given_name=f"Given{number}",
        surname=f"Surname{number}",
        email=f"person{number}@example.com",
        telephone=f"+1555{number:07d}",
        street=f"{number} Long Road",
        postcode="02210",
        country="US",
        birthday="1970-12-31",
    )


def load(
    client: Client, profiles: list[Profile], *, now: datetime, web_events: int = 1
) -> list[Consumer]:
    """Seal `profiles` as consumers, each with history, two purchases, web events and a preference."""
    refs = vault.allocate(client.pk, len(profiles))
    keys = vault.keys(client.pk, refs)
    indexer = vault.indexer(client.pk)
    consumers, digests = [], []
    for ref, profile in zip(refs, profiles, strict=True):
        pk = new_id()
        consumers.append(
            Consumer(
                id=pk,
                client=client,
                key_page=ref.page,
                key_slot=ref.slot,
                sealed=seal_profile(pk, client.pk, keys[ref], profile),
                content_digest=indexer.digest("content", digest_input(profile).decode()),
                created_at=now,
                updated_at=now,
            )
        )
        digests += [
            BlindIndex(client_id=client.pk, kind=kind, digest=digest, consumer_id=pk)
            for kind, digest in blind_digests(indexer, profile)
        ]
    Consumer.objects.bulk_create(consumers)
    Consumer.history.bulk_history_create(consumers, default_date=now)
    BlindIndex.objects.bulk_create(digests, batch_size=5_000)
    _facts(client.pk, consumers, keys, now, web_events)
    return consumers


def _facts(
    client_id: UUID,
    consumers: list[Consumer],
    keys: dict[vault.KeyRef, bytes],
    now: datetime,
    web_events: int,
) -> None:
    purchases, events, preferences = [], [], []
    for consumer in consumers:
        key = keys[consumer.key_ref or vault.KeyRef(0, 0)]
        for _ in range(2):
            pk = new_id()
            purchases.append(
                Purchase(
                    id=pk,
                    client_id=client_id,
                    consumer_id=consumer.pk,
                    month=date(2026, 1, 1),
                    sealed=vault.seal(
                        key, b"{}", purpose="consumers.purchase", client_id=client_id, owner_id=pk
                    ),
                    fingerprint=pk.bytes,
                )
            )
        for _ in range(web_events):
            pk = new_id()
            events.append(
                WebEvent(
                    id=pk,
                    client_id=client_id,
                    consumer_id=consumer.pk,
                    sealed=vault.seal(
                        key, b"{}", purpose="consumers.webevent", client_id=client_id, owner_id=pk
                    ),
                    fingerprint=pk.bytes,
                )
            )
        preferences.append(
            Preference(
                client_id=client_id,
                consumer_id=consumer.pk,
                channel="email",
                opted_in=True,
                changed_at=now,
                source="IM-2026-000001",
            )
        )
    Purchase.objects.bulk_create(purchases, batch_size=5_000)
    WebEvent.objects.bulk_create(events, batch_size=5_000)
    Preference.objects.bulk_create(preferences)
    Preference.history.bulk_history_create(preferences, default_date=now)


register_purpose(
    "tests.erasures",
    "A letter for tests",
    placeholders={},
    default_subject="Your request",
    default_body="We have it.",
)


def with_case(consumer: Consumer, *, now: datetime) -> OptOut:
    """An opt-out of the person with a sealed address, a note and a file."""
    by = User.objects.system()
    opt_out = OptOut(
        client_id=consumer.client_id,
        consumer_id=consumer.pk,
        match=OptOut.Match.ONE,
        channel="email",
        received_at=now,
    )
    opt_out.open_case(by=by, now=now)
    opt_out.seal_content({"email": "given"})
    opt_out.save(force_insert=True)
    note = CaseNote(
        client_id=consumer.client_id,
        case_id=opt_out.pk,
        case_reference=opt_out.reference,
        subject_id=consumer.pk,
        direction=CaseNote.Direction.INCOMING,
        channel="email",
        at=now,
        by=by,
    )
    note.seal_content({"text": "Please stop."})
    note.save(force_insert=True)
    attach(
        opt_out,
        b"A letter.",
        kind="letter",
        name="letter.txt",
        content_type="text/plain",
        by=by,
        now=now,
        subject_id=consumer.pk,
    )
    letters.draft(
        opt_out,
        "tests.erasures",
        to=Party("Alice", "alice@example.com"),
        values={},
        by=by,
        now=now,
        subject_id=consumer.pk,
    )
    return opt_out


def with_quarantined_row(client: Client, profile: Profile, *, now: datetime) -> ImportRow:
    """A row of an import that waits in quarantine, known by the digest of its e-mail address."""
    job = ImportJob(client=client, kind=ImportJob.Kind.CONSUMERS, channel="file", received_at=now)
    job.rows_read = job.quarantined = 1
    job.open_case(by=User.objects.system(), now=now)
    job.save(force_insert=True)
    row = ImportRow(
        client_id=client.pk,
        job=job,
        row_number=1,
        outcome="quarantined",
        reason="ambiguous",
        digest=vault.indexer(client.pk).digest("email", profile.email or ""),
    )
    row.seal_content({"row": "as it came"})
    row.save(force_insert=True)
    return row
