"""Setting a controller up: its record, its people, its brands and who looks after it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from clients.controllers import Brand, Client, ClientAssignment, ClientContact
from clients.recording import Leaf, recorded
from portal import vault
from portal.errors import Refused
from portal.history import save_signed
from portal.ids import new_id
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER, check_role, has_role

SET_UP = (ADMINISTRATOR, SECURITY_OFFICER)
"""Who sets clients up and assigns account managers."""

Part = TypeVar("Part", ClientContact, Brand)

EDITABLE = (
    "name",
    "code",
    "regions",
    "lawful_bases",
    "purposes",
    "data_categories",
    "default_country",
    "time_zone",
    "recall_hours",
    "processing_days",
    "privacy_policy_url",
)


def create_client(
    *,
    name: str,
    code: str,
    regions: Sequence[str],
    lawful_bases: Sequence[str],
    purposes: Sequence[str],
    data_categories: Sequence[str],
    by: User,
    now: datetime,
    **settings: Any,
) -> Client:
    """Set a client up, and make the root key from which everything about its consumers will hang.

    `settings` are further fields of `EDITABLE`. The root is made last: should it fail, there is no client;
    should the commit fail, a root is left over that hangs nothing.
    """
    client = Client(
        name=name,
        code=code,
        regions=list(regions),
        lawful_bases=list(lawful_bases),
        purposes=list(purposes),
        data_categories=list(data_categories),
    )
    with _client_verb(client, "client.create", by=by, now=now):
        check_role(by, *SET_UP)
        _change(client, settings)
        save_signed(client, by=by, now=now, force_insert=True)
        vault.create_client(client.pk)
    return client


def update_client(client: Client, *, values: Mapping[str, Any], by: User, now: datetime) -> Client:
    """Change fields of `EDITABLE`. Returns the stored row."""
    with _client_verb(client, "client.update", by=by, now=now) as leaf:
        check_role(by, *SET_UP)
        locked = lock_client(client)
        leaf.counts["fields"] = len(values)
        _change(locked, values)
        _check_drops_still_fit(locked, now)
        save_signed(locked, by=by, now=now)
    return locked


def assign_manager(client: Client, user: User, *, by: User, now: datetime) -> ClientAssignment:
    """Give an account manager the client. Takes effect at their next request."""
    with _client_verb(client, "client.assign", by=by, now=now):
        check_role(by, *SET_UP)
        lock_client(client)
        if not has_role(user, ACCOUNT_MANAGER):
            raise Refused(
                "Only an account manager is assigned to clients. Give this user the role first.",
                code="role",
            )
        assignment, _ = ClientAssignment.objects.get_or_create(client=client, user=user)
    return assignment


def unassign_manager(client: Client, user: User, *, by: User, now: datetime) -> None:
    """Take the client away from an account manager. Takes effect at their next request."""
    with _client_verb(client, "client.unassign", by=by, now=now) as leaf:
        check_role(by, *SET_UP)
        removed, _ = ClientAssignment.objects.filter(client=client, user=user).delete()
        leaf.counts["assignments"] = removed


def save_contact(contact: ClientContact, *, by: User, now: datetime) -> ClientContact:
    """Add or change a person at the client. Who may instruct us is decided here (R1)."""
    return _save_part(contact, contact.client, "client.save_contact", by=by, now=now)


def save_brand(brand: Brand, *, by: User, now: datetime) -> Brand:
    """Add or rename a brand of the client."""
    return _save_part(brand, brand.client, "client.save_brand", by=by, now=now)


def lock_client(client: Client) -> Client:
    """The client's row, locked. Raises Refused once its processing has ended."""
    locked = Client.objects.select_for_update(of=("self",)).get(pk=client.pk)
    if locked.ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")
    return locked


def check_valid(row: Model) -> None:
    """Raise Refused with the model's own sentences where a row is not valid."""
    try:
        row.full_clean()
    except ValidationError as invalid:
        raise Refused(" ".join(invalid.messages), code="invalid") from invalid


def _client_verb(
    client: Client, verb: str, *, by: User, now: datetime
) -> AbstractContextManager[Leaf]:
    return recorded(
        verb,
        by=by,
        now=now,
        client_id=client.pk,
        object_kind=client._meta.label_lower,
        object_id=client.pk,
    )


def _change(client: Client, values: Mapping[str, Any]) -> None:
    if unknown := set(values) - set(EDITABLE):
        raise TypeError(f"not fields of a client that a person changes: {sorted(unknown)}")
    for name, value in values.items():
        setattr(client, name, value)
    check_valid(client)


def _check_drops_still_fit(client: Client, now: datetime) -> None:
    for drop in client.mail_drops.filter(state="planned", lock_at__gt=now):
        drop.client = client
        check_valid(drop)


def _save_part(row: Part, client: Client, verb: str, *, by: User, now: datetime) -> Part:
    row.pk = row.pk or new_id()
    with _client_verb(client, verb, by=by, now=now):
        check_role(by, *SET_UP)
        lock_client(client)
        check_valid(row)
        row.save()
    return row
