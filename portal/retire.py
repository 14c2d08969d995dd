"""Destroying what a case holds of people when it is needed no more: emptied at once, the keys shredded after.

Invariants:
- `retire` runs in the transaction of a verb that ends the case for good. It empties the rows and leaves the places
  of their keys, which are the mark that these are still to be shredded. Other rows of a model that `retires` are
  retired in the same way: emptied, their places left, and a `hint` given at the commit.
- `shred_retired` finds the marks in the database, whoever left them: it shreds the keys, removes the files and
  only then takes the marks away. It may be killed anywhere and repeated; the schedule repeats it.
- No key is shredded while its case could go on: a verb that does not end the case cannot retire it, and a case is
  passed over unless it is at its end.
- From the shred on nothing in use opens the content; the daily roll of the root makes that final for backups.
"""

import logging
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models, transaction

from portal import vault
from portal.cases.models import Case, CaseFile, CaseNote
from portal.cases.verbs import record_verb
from portal.correspondence.models import Letter
from portal.errors import Refused
from portal.models import User
from portal.sealed import RETIRED, SealedRow

BATCH = 5_000
log = logging.getLogger(__name__)


def retire(case: Case, verb: str, *, keeping: Collection[str] = ()) -> None:
    """Empty the locked `case`, its thread, its letters and its files; the caller stores the case and records `verb`.

    Files of a kind in `keeping` stay, and so does what the portal itself has sent, which names nobody. What else
    is sealed under the case's own key is emptied by the caller. Raises ValueError unless `verb` ends the case,
    and Refused while a letter of it is on its way.
    """
    target = case.TABLE.transitions[verb].target
    if target is None or not case.TABLE.is_end(target):
        raise ValueError(f"{verb} does not end this {case.TABLE.name} for good.")
    row: Any = case
    row.sealed = None
    of_case = {"client_id": case.client_id, "case_id": case.pk}
    sent = models.Q(by__is_system=True, direction=CaseNote.Direction.OUTGOING)
    CaseNote.objects.filter(**of_case).exclude(sent).update(sealed=None)
    CaseFile.objects.filter(**of_case).exclude(kind__in=keeping).update(sealed=None)
    letters = Letter.objects.filter(**of_case)
    if letters.filter(state__in=Letter.ON_ITS_WAY).exists():
        raise Refused(
            "A letter of this case is on its way. Close the case once it has been sent or posted.",
            code="letter_on_its_way",
        )
    letters.update(sealed=None)
    transaction.on_commit(hint)


def hint() -> None:
    """Ask a worker to shred now. A lost hint only costs the time until the next sweep."""
    from portal.tasks import hint_task, shred_retired_keys

    hint_task(shred_retired_keys)


def shred_retired(now: datetime) -> int:
    """Shred the keys of everything that was retired. Returns of how many rows.

    A client whose vault fails is logged and left to the next sweep; the others do not wait for it.
    """
    shredded = 0
    for model in retiring_models():
        clients = waiting(model).order_by().values_list("client_id", flat=True).distinct()
        for client_id in list(clients):
            try:
                shredded += sum(_batches(model, client_id, now))
            except vault.VaultError as fault:
                log.warning("retired keys of client %s wait: %s", client_id, type(fault).__name__)
    return shredded


def retiring_models() -> list[type[Any]]:
    """The models whose rows can be retired: sealed rows with a client, which the base class cannot declare."""
    return [model for model in apps.get_models() if issubclass(model, SealedRow) and model.retires]


def waiting(model: type[Any]) -> "models.QuerySet[Any]":
    """The rows of `model` that were retired and whose key is still to be shredded."""
    rows: models.QuerySet[Any] = model._default_manager.filter(RETIRED)
    return rows.filter(state__in=model.TABLE.ends) if issubclass(model, Case) else rows


def _batches(model: type[Any], client_id: UUID, now: datetime) -> Iterator[int]:
    while done := _shred_batch(model, client_id, now):
        yield done


def _shred_batch(model: type[Any], client_id: UUID, now: datetime) -> int:
    """Shred what some rows were sealed with. The rows stay locked, so that two sweeps share the work."""
    with transaction.atomic():
        found = waiting(model).filter(client_id=client_id).order_by("pk")
        rows = list(found.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        if not rows:
            return 0
        vault.shred(client_id, [row.key_ref for row in rows if row.key_ref])
        for row in rows:
            row.remove_outside()
            if isinstance(row, Case):
                record_verb(row, "shred_key", by=User.objects.system(), now=now)
        chosen = model._default_manager.filter(client_id=client_id, pk__in=[row.pk for row in rows])
        chosen.update(key_page=None, key_slot=None)
    return len(rows)
