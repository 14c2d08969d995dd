"""The binder: one PDF with its contents, one ZIP with its manifest, whatever was attached."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader, PdfWriter

from portal.access.gate import mark_verified
from portal.cases import files
from portal.ledger.models import Leaf
from requests.disputes import binder, verbs
from requests.disputes.models import Dispute
from tests.disputes.helpers import answered, dana, day

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def pdf_of(pages: int, password: str = "") -> bytes:
    writer, made = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password)
    writer.write(made)
    return made.getvalue()


ATTACHED = {
    "scan.pdf": (pdf_of(2), "application/pdf"),
    "broken.pdf": (b"%PDF-1.7 and then nothing", "application/pdf"),
    "locked.pdf": (pdf_of(1, "secret"), "application/pdf"),
    "../../etc/photo.png": (b"\x89PNG no picture", "image/png"),
    "note #1.txt": (b"Typed #by hand: $x$ *not* markup", "text/plain"),
    "latin.txt": ("caf\u00e9".encode("latin-1"), "text/plain"),
}


@pytest.fixture
def case() -> Dispute:
    found = answered()
    for name, (content, kind) in ATTACHED.items():
        files.attach(
            found, content, kind="evidence", name=name, content_type=kind, by=dana(), now=day(31)
        )
    verbs.add_note(
        found, text="She rang again.", channel="telephone", direction="in", by=dana(), now=day(32)
    )
    return found


def test_the_pdf_has_contents_every_part_and_the_pages_of_what_can_be_read(case: Dispute) -> None:
    reader = PdfReader(io.BytesIO(binder.binder_pdf(case, now=day(40))))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for said in (
        "Contents", "Facts", "What happened", "Conditions of arbitration", "She rang again.",
        "Alice Example", "Two catalogs were sent", "Typed #by hand: $x$ *not* markup",
        "Protected by a password", "Could not be read; it is in the ZIP as it came",
        "Cannot be shown as pages", "Subject: Our answer to your complaint",
    ):  # fmt: skip
        assert said in text, said
    assert [page.mediabox.width for page in reader.pages[-2:]] == [200, 200]
    begin = len(reader.pages) - 1
    assert f"Pages {begin} to {begin + 1} of this document" in text
    titles = [str(one["/Title"]) for one in reader.outline if isinstance(one, dict)]
    assert any(title.startswith("File ") for title in titles)


def test_the_zip_has_every_file_as_it_came_and_a_manifest_that_is_true(case: Dispute) -> None:
    archive = zipfile.ZipFile(io.BytesIO(binder.binder_zip(case, now=day(40))))
    manifest = json.loads(archive.read("manifest.json"))
    assert {one["name"] for one in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
    for one in manifest["files"]:
        content = archive.read(one["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["size"], one["sha256"])
    held = {archive.read(name) for name in archive.namelist()}
    assert {content for content, _ in ATTACHED.values()} <= held
    assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]


def test_each_binder_leaves_a_leaf_and_an_erased_file_is_listed(case: Dispute) -> None:
    row = files.of_case(case)[1]
    type(row).objects.filter(pk=row.pk).update(sealed=None)
    browser = Browser()
    browser.force_login(dana())
    for name, begin in (("binder_pdf", b"%PDF"), ("binder_zip", b"PK")):
        answer = browser.get(reverse(f"disputes:{name}", args=[case.pk]))
        assert answer.content.startswith(begin)
        assert case.reference in answer["Content-Disposition"]
    assert Leaf.objects.filter(object_id=case.pk, verb="dispute.export_binder").count() == 2


def test_whoever_gave_the_second_factor_long_ago_is_asked_again_before_a_binder(
    case: Dispute,
) -> None:
    browser = Browser()
    browser.force_login(dana())
    session = browser.session
    mark_verified(session, now=timezone.now() - timedelta(minutes=11))
    session.save()
    answer = browser.get(reverse("disputes:binder_zip", args=[case.pk]))
    assert answer.status_code == 302
    assert not Leaf.objects.filter(object_id=case.pk, verb="dispute.export_binder").exists()
