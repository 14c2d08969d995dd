"""Who sees which client. Every list, search, autocomplete, export, history and URL asks here."""

from collections.abc import Collection
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from clients.controllers import Client, ClientAssignment
from portal.errors import Refused
from portal.models import User
from portal.roles import SEES_ALL_CLIENTS, SYSTEM, has_role

AnyModel = TypeVar("AnyModel", bound=Model)


def sees_all(user: User | AnonymousUser) -> bool:
    """Whether the role of `user` spans all clients."""
    return has_role(user, *SEES_ALL_CLIENTS, SYSTEM)


def client_ids_for(user: User | AnonymousUser) -> "QuerySet[ClientAssignment, UUID]":
    """The clients that are assigned to `user`, asked anew at each request."""
    return ClientAssignment.objects.filter(user_id=user.pk or UUID(int=0)).values_list(
        "client_id", flat=True
    )


def visible_clients(user: User | AnonymousUser) -> "QuerySet[Client]":
    """The clients that `user` may see."""
    if sees_all(user):
        return Client.objects.all()
    return Client.objects.filter(pk__in=client_ids_for(user))


def within_reach(
    rows: "QuerySet[AnyModel]", user: User | AnonymousUser, path: str = "client_id"
) -> "QuerySet[AnyModel]":
    """`rows` without those of clients that `user` may not see; `path` names the client's id column."""
    if sees_all(user):
        return rows
    return rows.filter(**{f"{path}__in": client_ids_for(user)})


def reaches(user: User | AnonymousUser, client_id: UUID | None) -> bool:
    """Whether `user` may see what belongs to the client."""
    if sees_all(user):
        return True
    return client_id is not None and client_ids_for(user).filter(client_id=client_id).exists()


def check_reach(user: User, client_id: UUID | None) -> None:
    """Raise Refused where `user` may not act for the client. The sentence does not tell that it exists."""
    if not reaches(user, client_id):
        raise Refused("There is no such client among yours.", code="reach")


def names_of_assigned(users: Collection[UUID]) -> dict[UUID, list[str]]:
    """The names of the clients that are assigned to each of `users`, for the review of their access."""
    found: dict[UUID, list[str]] = {}
    rows = ClientAssignment.objects.filter(user__in=users).order_by("client__name")
    for user, name in rows.values_list("user_id", "client__name"):
        found.setdefault(user, []).append(name)
    return found


def names_of_visible(user: User | AnonymousUser) -> list[tuple[UUID, str]]:
    """The clients that `user` may see, by name."""
    return list(visible_clients(user).order_by("name").values_list("pk", "name"))
