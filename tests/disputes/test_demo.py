"""The demo's disputes."""

import pytest
from django.utils import timezone

from requests.disputes.demo import load_disputes
from requests.disputes.models import Certification, Dispute
from tests.disputes.helpers import dana, olivia

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def test_a_dispute_stands_on_each_rung_that_matters_and_a_second_load_adds_none() -> None:
    for _ in range(2):
        list(load_disputes(dana(), olivia(), timezone.now()))
    assert set(Dispute.objects.values_list("state", flat=True)) == {
        "direct_open", "direct_final", "ana_filed", "ana_ineligible", "remedy_due", "referred_to_ftc",
        "objected", "closed",
    }  # fmt: skip
    assert Dispute.objects.get(state="objected").unmet == ["commerce"]
    assert Certification.objects.count() == 2
