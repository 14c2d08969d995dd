"""People and opt-outs for tests, reached by the real verbs."""

from datetime import datetime, timedelta
from typing import Any

from clients.models import Client, Instruction
from consumers.models import BlindIndex, Consumer, Preference, SuppressionToken
from consumers.profile import Profile
from consumers.vaulting import blind_digests, seal_profile
from portal import vault
from portal.models import User
from portal.roles import SECURITY_OFFICER
from requests.optouts.models import OptOut
from requests.optouts.verbs import lift, log_opt_out
from tests.factories import EVIDENCE, NOW, make_instruction, make_user, staff_in

ALICE = Profile(
    external_id="A-1",
    given_name="Alice",
    surname="Example",
    email="alice@example.com",
    telephone="+16175550101",
    street="12 Main Street",
    locality="Boston",
    region="MA",
    postcode="02210",
    country="US",
)
BOB = Profile(
    given_name="Bob",
    surname="Sample",
    email="bob@example.com",
    street="7 Elm Road",
    locality="Boston",
    postcode="02210",
    country="US",
)
EMAIL = Profile(email="alice@example.com")
POSTAL = Profile(
    given_name="Alice",
    surname="Example",
    street="12 Main Street",
    locality="Boston",
    postcode="02210",
    country="US",
)


def make_consumer(
    client: Client, profile: Profile = ALICE, *, now: datetime = NOW, **fields: Any
) -> Consumer:
    """A consumer as an import stores them: sealed, and found by digests."""
    (ref,) = vault.allocate(client.pk, 1)
    consumer = Consumer(
        client=client,
        key_page=ref.page,
        key_slot=ref.slot,
        created_at=now,
        updated_at=now,
        **fields,
    )
    key = vault.key(client.pk, ref)
    consumer.sealed = seal_profile(consumer.pk, client.pk, key, profile)
    consumer.save(force_insert=True)
    BlindIndex.objects.bulk_create(
        BlindIndex(client_id=client.pk, kind=kind, digest=digest, consumer_id=consumer.pk)
        for kind, digest in set(blind_digests(vault.indexer(client.pk), profile))
    )
    return consumer


def make_opt_out(
    client: Client,
    address: Profile = EMAIL,
    marketing_channel: str = "email",
    *,
    now: datetime = NOW,
    by: User | None = None,
    **fields: Any,
) -> OptOut:
    """An opt-out received an hour before it is logged by a Security Officer."""
    given: dict[str, Any] = {"channel": "email", "received_at": now - timedelta(hours=1)} | fields
    return log_opt_out(
        client=client,
        address=address,
        marketing_channel=marketing_channel,
        by=by or staff_in(SECURITY_OFFICER),
        now=now,
        **given,
    )


def lift_instruction(client: Client, *, now: datetime, **fields: Any) -> Instruction:
    """The client's instruction to lift a suppression, in effect at `now`."""
    return make_instruction(client, Instruction.Kind.SUPPRESSION_LIFT, now=now, **fields)


def do_lift(opt_out: OptOut, *, now: datetime, **fields: Any) -> None:
    """Lift by a second Security Officer, on an opt-in a minute before `now`."""
    given: dict[str, Any] = {
        "opted_in_at": now - timedelta(minutes=1),
        "evidence": EVIDENCE,
        "by": second_officer(),
    } | fields
    if "instruction" not in given:
        given["instruction"] = lift_instruction(opt_out.client, now=now)
    lift(opt_out, now=now, **given)


def second_officer() -> User:
    """A Security Officer who has logged nothing."""
    found = User.objects.filter(username="second-officer").first()
    return found or make_user(SECURITY_OFFICER, username="second-officer")


def tokens(opt_out: OptOut) -> int:
    """How many tokens a case holds."""
    return SuppressionToken.objects.filter(case_id=opt_out.pk).count()


def preferences(consumer: Consumer) -> dict[str, bool]:
    """Channel by channel whether the consumer is opted in, for all brands."""
    rows = Preference.objects.filter(consumer_id=consumer.pk, brand__isnull=True)
    return dict(rows.values_list("channel", "opted_in"))
