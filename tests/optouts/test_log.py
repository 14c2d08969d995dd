"""Logging an opt-out: honoured at once, kept when nobody matches, never needing more than the address."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from simple_history.utils import bulk_create_with_history

from clients.models import Brand, Client
from clients.verbs import save_brand
from consumers.models import Preference, SuppressionToken
from consumers.profile import Profile
from consumers.vaulting import suppression_tokens
from portal import ledger, vault
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import OutboxMessage
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR
from requests.optouts.lookup import is_suppressed, known_by
from requests.optouts.models import OptOut
from requests.optouts.verbs import address_of
from requests.suppressions.models import CatalogSuppression
from tests.factories import make_client, make_user, staff_in
from tests.optouts.helpers import (
    ALICE,
    BOB,
    EMAIL,
    POSTAL,
    make_consumer,
    make_opt_out,
    preferences,
    tokens,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def refusal(client: Client, *args: object, **fields: object) -> str:
    with pytest.raises(Refused) as refused:
        make_opt_out(client, *args, **fields)  # type: ignore[arg-type]
    return refused.value.code


def make_brand(client: Client, name: str = "Outdoor") -> Brand:
    return save_brand(
        Brand(client=client, name=name), by=staff_in(ADMINISTRATOR), now=datetime.now(UTC)
    )


# --------------------------------------------------------------------------------------- at once


def test_an_opt_out_is_suppressed_in_the_moment_in_which_it_is_logged(now: datetime) -> None:
    client = make_client()
    alice = make_consumer(client)
    opt_out = make_opt_out(client)
    assert (opt_out.state, opt_out.effective_at) == ("suppressed", now)
    assert (opt_out.match, opt_out.consumer_id) == (OptOut.Match.ONE, alice.pk)
    assert preferences(alice) == {"email": False}
    assert is_suppressed(client.pk, "email", None, EMAIL)
    assert not is_suppressed(client.pk, "sms", None, EMAIL)


def test_an_opt_out_that_matches_nobody_is_kept_and_keeps_out_whoever_comes(now: datetime) -> None:
    client = make_client()
    opt_out = make_opt_out(client, Profile(email="charlie@example.com"))
    assert (opt_out.match, opt_out.consumer_id) == (OptOut.Match.NONE, None)
    later = Profile(email="charlie@example.com", given_name="Charlie", surname="Example")
    assert is_suppressed(client.pk, "email", None, later)
    assert (address_of(opt_out) or Profile()).email == "charlie@example.com"


def test_everybody_who_has_the_address_is_opted_out(now: datetime) -> None:
    client = make_client()
    people = [make_consumer(client), make_consumer(client, BOB._replace(email=ALICE.email))]
    opt_out = make_opt_out(client)
    assert (opt_out.match, opt_out.consumer_id) == (OptOut.Match.SEVERAL, None)
    assert [preferences(one) for one in people] == [{"email": False}] * 2


def test_a_seed_is_never_opted_out(now: datetime) -> None:
    client = make_client()
    seed = make_consumer(client, is_seed=True)
    assert make_opt_out(client).match == OptOut.Match.NONE
    assert preferences(seed) == {}


def test_an_opt_out_of_every_channel_covers_each_and_stops_catalogs(now: datetime) -> None:
    client = make_client()
    alice = make_consumer(client)
    opt_out = make_opt_out(client, EMAIL, "")
    assert preferences(alice) == dict.fromkeys(["email", "mail", "telephone", "sms", "web"], False)
    assert all(is_suppressed(client.pk, one, None, EMAIL) for one in ("email", "mail", "sms"))
    assert CatalogSuppression.objects.get(opt_out=opt_out).state == "effective"


def test_an_opt_out_of_e_mail_begins_no_catalog_suppression(now: datetime) -> None:
    make_opt_out(make_client())
    assert not CatalogSuppression.objects.exists()


def test_one_brand_is_opted_out_and_the_others_go_on(now: datetime) -> None:
    client = make_client()
    alice, brand, other = make_consumer(client), make_brand(client), make_brand(client, "Home")
    make_opt_out(client, brand=brand)
    rows = Preference.objects.filter(consumer_id=alice.pk)
    assert list(rows.values_list("brand", "opted_in")) == [(brand.pk, False)]
    assert is_suppressed(client.pk, "email", brand.pk, EMAIL)
    assert not is_suppressed(client.pk, "email", other.pk, EMAIL)
    assert is_suppressed(client.pk, "email", None, EMAIL), (
        "what goes out for all brands is hers too"
    )


def test_an_opt_out_of_all_brands_turns_an_opt_in_to_one_brand(now: datetime) -> None:
    client = make_client()
    alice, brand = make_consumer(client), make_brand(client)
    earlier = now - timedelta(days=9)
    preference = Preference(
        client_id=client.pk,
        consumer_id=alice.pk,
        channel="email",
        brand=brand,
        opted_in=True,
        changed_at=earlier,
        source="import",
    )
    bulk_create_with_history([preference], Preference, default_date=earlier)
    opt_out = make_opt_out(client)
    row = Preference.objects.get(consumer_id=alice.pk, brand=brand)
    assert (row.opted_in, row.source) == (False, opt_out.reference)
    assert row.history.count() == 2
    newest = row.history.latest()
    assert (newest.history_user, newest.history_date) == (opt_out.logged_by, now)


def test_an_opt_out_of_another_clients_consumer_touches_nobody_else(now: datetime) -> None:
    client, other = make_client(), make_client()
    alice = make_consumer(other)
    make_opt_out(client)
    assert preferences(alice) == {}
    assert not is_suppressed(other.pk, "email", None, EMAIL)


# ---------------------------------------------------------------------------------- the address


def test_nothing_but_the_address_is_needed(now: datetime) -> None:
    client = make_client()
    for address, channel in (
        (Profile(email=" Alice@Example.COM "), "email"),
        (Profile(telephone="(617) 555-0101"), "sms"),
        (Profile(external_id="A-1"), "web"),
        (POSTAL, "mail"),
    ):
        assert tokens(make_opt_out(client, address, channel)) == 1


def test_an_address_is_known_however_it_is_written(now: datetime) -> None:
    client = make_client()
    make_consumer(client)
    assert make_opt_out(client, Profile(email="ALICE@example.com")).match == OptOut.Match.ONE
    by_phone = Profile(telephone="617.555.0101")
    assert make_opt_out(client, by_phone, "telephone").match == OptOut.Match.ONE


def test_a_letter_with_a_misspelt_name_still_stops_the_catalogs_of_its_person(
    now: datetime,
) -> None:
    client = make_client()
    alice = make_consumer(client)
    make_consumer(client, BOB)
    opt_out = make_opt_out(client, POSTAL._replace(given_name="Alise"), "mail", channel="letter")
    assert opt_out.consumer_id == alice.pk
    assert preferences(alice) == {"mail": False}


def test_a_neighbour_of_the_same_street_is_not_opted_out(now: datetime) -> None:
    client = make_client()
    make_consumer(client)
    neighbour = POSTAL._replace(given_name="Charlie", surname="Other", street="14 Main Street")
    assert make_opt_out(client, neighbour, "mail").match == OptOut.Match.NONE


@pytest.mark.parametrize(
    ("address", "channel", "code"),
    [
        (Profile(), "email", "no_address"),
        (Profile(email="no address"), "email", "unusable_address"),
        (Profile(telephone="12"), "sms", "unusable_address"),
        (Profile(surname="Example", street="12 Main Street"), "mail", "no_address"),
    ],
)
def test_an_unusable_address_is_refused_with_a_sentence_and_leaves_nothing(
    address: Profile, channel: str, code: str, now: datetime
) -> None:
    client = make_client()
    assert refusal(client, address, channel) == code
    assert not OptOut.objects.exists()
    assert not SuppressionToken.objects.exists()
    assert Leaf.objects.get(verb="optout.log").outcome == "refused"


def test_the_address_is_stored_sealed_only(now: datetime) -> None:
    opt_out = make_opt_out(make_client(), ALICE, text="Please stop. Alice")
    stored = OptOut.objects.filter(pk=opt_out.pk).values().get()
    assert b"alice" not in bytes(stored["sealed"] or b"").lower()
    assert "alice" not in repr(stored).lower()
    assert "alice" not in repr(list(Leaf.objects.values())).lower()
    assert "alice" not in repr(list(OutboxMessage.objects.values())).lower()


def test_an_erasure_finds_the_opt_outs_of_its_person_though_nobody_matched(now: datetime) -> None:
    client = make_client()
    early = make_opt_out(client)
    make_opt_out(client, Profile(email="bob@example.com"))
    tokens = suppression_tokens(vault.indexer(client.pk), ALICE)
    assert list(known_by(client.pk, tokens)) == [early]


# -------------------------------------------------------------------------- times and the clock


def test_both_times_are_kept_and_the_clock_starts_at_receipt(now: datetime) -> None:
    received = datetime(2026, 11, 3, 20, 0, tzinfo=UTC)
    opt_out = make_opt_out(make_client(regions=["us"]), received_at=received)
    assert (opt_out.received_at, opt_out.logged_at) == (received, now)
    assert opt_out.due_rule == "policy_opt_out"
    assert opt_out.due_reason == (
        "10 calendar days from receipt on 3 November 2026 (policy); CAN-SPAM would give 18 November"
    )
    # The end of 13 November in Boston.
    assert opt_out.due_at == datetime(2026, 11, 14, 4, 59, 59, 999999, tzinfo=UTC)


def test_a_one_click_opt_out_has_two_days(now: datetime) -> None:
    assert make_opt_out(make_client(), one_click=True).due_rule == "gmail_one_click"


def test_a_canadian_client_is_asked_for_casl(now: datetime) -> None:
    opt_out = make_opt_out(make_client(regions=["us"], default_country="CA"))
    assert "would give" in opt_out.due_reason


@pytest.mark.parametrize(
    ("shift", "code"),
    [(timedelta(seconds=1), "received_in_future"), (timedelta(days=-10_000), "received_long_ago")],
)
def test_an_impossible_time_of_receipt_is_refused(
    shift: timedelta, code: str, now: datetime
) -> None:
    assert refusal(make_client(), received_at=now + shift) == code


def test_what_is_received_in_this_moment_is_accepted(now: datetime) -> None:
    assert make_opt_out(make_client(), received_at=now).received_at == now


# ------------------------------------------------------------------------------------- repeated


def test_a_repeated_opt_out_is_recorded_and_changes_nothing(now: datetime) -> None:
    client = make_client()
    alice = make_consumer(client)
    first = make_opt_out(client)
    before = list(Preference.history.values_list("history_id", flat=True))
    again = make_opt_out(client, now=now + timedelta(days=1))
    assert again.state == "suppressed"
    assert list(Preference.history.values_list("history_id", flat=True)) == before
    assert preferences(alice) == {"email": False}
    reasons = Leaf.objects.filter(verb="optout.log").order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["", "repeated"]
    assert is_suppressed(client.pk, "email", None, EMAIL).cases == (first.pk, again.pk)


def test_a_second_opt_out_of_mail_begins_no_second_six_months(now: datetime) -> None:
    client = make_client()
    first = make_opt_out(client, POSTAL, "mail")
    make_opt_out(client, POSTAL, "", now=now + timedelta(days=90))
    assert CatalogSuppression.objects.get().opt_out_id == first.pk


def test_a_wider_opt_out_is_no_repetition(now: datetime) -> None:
    client = make_client()
    brand = make_brand(client)
    make_opt_out(client, brand=brand)
    make_opt_out(client)
    reasons = Leaf.objects.filter(verb="optout.log").values_list("reason", flat=True)
    assert list(reasons) == ["", ""]


# -------------------------------------------------------------------------- who, and all or none


def test_an_account_manager_logs_for_own_clients_only(now: datetime) -> None:
    manager = make_user(ACCOUNT_MANAGER)
    mine, other = make_client(managers=[manager]), make_client()
    assert make_opt_out(mine, by=manager).logged_by == manager
    assert refusal(other, by=manager) == "reach"
    assert refusal(mine, by=make_user(AUDITOR)) == "role"


def test_a_brand_of_another_client_is_refused(now: datetime) -> None:
    assert refusal(make_client(), brand=make_brand(make_client())) == "other_client"


def test_if_the_ledger_cannot_be_written_nothing_is_stored(now: datetime) -> None:
    client = make_client()
    alice = make_consumer(client)
    broken = RuntimeError("the ledger is away")
    with patch.object(Leaf.objects, "create", side_effect=broken), pytest.raises(RuntimeError):
        make_opt_out(client, ALICE, "")
    assert not OptOut.objects.exists()
    assert not SuppressionToken.objects.exists()
    assert not CatalogSuppression.objects.exists()
    assert not OutboxMessage.objects.filter(kind__startswith="optout").exists()
    assert preferences(alice) == {}


def test_if_the_last_leaf_alone_fails_nothing_is_stored_either(now: datetime) -> None:
    client = make_client()
    record = ledger.record

    def failing(**fields: object) -> Leaf:
        if fields["verb"] == "optout.log":
            raise RuntimeError("the ledger is away")
        return record(**fields)  # type: ignore[arg-type]

    with patch.object(ledger, "record", failing), pytest.raises(RuntimeError):
        make_opt_out(client)
    assert not OptOut.objects.exists()
    assert not SuppressionToken.objects.exists()
