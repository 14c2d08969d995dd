"""Looking at the whole vault: what there is, and whether all of it opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from portal.vault import copies, held, journal, life, store
from portal.vault.errors import VaultError
from portal.vault.pages import Page


@dataclass(frozen=True)
class ClientStatus:
    """One client's tree in numbers."""

    client_id: UUID
    state: str
    pages: int
    slots_used: int
    shredded: int
    root_generation: int
    pending: bool


@dataclass
class Report:
    """What `check` opened and what it found. `faults` name references only."""

    clients: int = 0
    pages: int = 0
    slots_used: int = 0
    shredded: int = 0
    journalled: int = 0
    faults: list[str] = field(default_factory=list)


def status() -> list[ClientStatus]:
    """Return every client's tree in numbers, without opening a page."""
    shredded = store.shredded_counts()
    return [
        ClientStatus(
            client_id=tree.client_id,
            state=tree.state,
            pages=tree.pages,
            slots_used=tree.slots_used,
            shredded=shredded.get(tree.client_id, 0),
            root_generation=tree.root_generation,
            pending=life.is_pending(tree),
        )
        for tree in store.trees()
    ]


def check() -> Report:
    """Open every page of every client under its root, and walk the erasure journal.

    Faults are collected, not raised.
    """
    report = Report()
    for tree in store.trees():
        if tree.state == "destroyed":
            _check_gone(tree, report)
        elif tree.is_active:
            _check_client(tree, report)
    known = {tree.client_id for tree in store.trees()}
    for client_id in held.keyring().clients():
        if client_id not in known:
            report.faults.append(f"The keyring holds keys of client {client_id} without a tree.")
    try:
        report.journalled = sum(1 for _ in journal.entries())
        lost = journal.unwritten()
        if lost > 1:
            report.faults.append(
                f"The erasure journal lacks its last {lost} lines: put its newest copy back."
            )
    except (VaultError, OSError) as error:
        report.faults.append(str(error))
    return report


def _check_client(tree: store.Tree, report: Report) -> None:
    report.clients += 1
    report.slots_used += tree.slots_used
    number = 0
    try:
        held.keyring().index_master(tree.client_id)
        for page in store.all_pages(tree.client_id):
            if page.number != number:
                report.faults.append(f"Page {number} of client {tree.client_id} is missing.")
            number = page.number + 1
            report.pages += 1
            report.shredded += page.shredded
            _check_page(page, report)
        if number < tree.pages:
            report.faults.append(f"Page {number} of client {tree.client_id} is missing.")
    except (VaultError, OSError) as error:
        report.faults.append(str(error))


def _check_page(page: Page, report: Report) -> None:
    """Open one page. A roll may have moved its root on since it was read, so look once more."""
    for attempt in (1, 2):
        try:
            copies.check_page(page, held.keyring().root(page.client_id, page.root_generation))
        except (VaultError, OSError) as error:
            again = store.pages(page.client_id, [page.number])
            if attempt == 1 and again and again[0] != page:
                page = again[0]
                continue
            report.faults.append(str(error))
        return


def _check_gone(tree: store.Tree, report: Report) -> None:
    if held.keyring().home(tree.client_id).exists():
        report.faults.append(f"Client {tree.client_id} was destroyed, but keys are still there.")
