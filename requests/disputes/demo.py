"""The demo's disputes: one on each rung that matters, taken there by the real verbs in their own time."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from portal.correspondence import Party
from portal.models import User
from requests.disputes import body, certifications, panel, verbs
from requests.disputes.frameworks import EU_DPF, SWISS_DPF
from requests.disputes.models import Certification, Dispute, day_of

Climb = Callable[["Story"], None]


class Story:
    """A dispute whose days are counted from its receipt, which lies `age` days back."""

    def __init__(self, age: int, now: datetime, dana: User, olivia: User, **given: Any) -> None:
        self.received_at = now - timedelta(days=age, hours=2)
        self.dana, self.olivia = dana, olivia
        fields: dict[str, Any] = {
            "category": "catalog_after_opt_out",
            "region": "eea",
            "channel": "letter",
            "complaint": "I opted out, and your client's catalogs still come.",
        } | given
        person = fields.pop("person", "Emil Berg")
        mailbox = f"{person.split()[0].lower()}@example.com"
        self.case = verbs.open_dispute(
            complainant=Party(person, mailbox, ("1 Example Street", "1010 Vienna", "Austria")),
            received_at=self.received_at,
            by=dana,
            now=self.day(0),
            **fields,
        )

    def day(self, number: int) -> datetime:
        """The working hour of that day of the case."""
        return self.received_at + timedelta(days=number, hours=1)

    def do(
        self, verb: Callable[..., None], number: int, *, second: bool = False, **given: Any
    ) -> None:
        """Do a verb on a day of the case, by dispute staff or by the Security Officer."""
        by = self.olivia if second else self.dana
        verb(self.case, by=by, now=self.day(number), **given)

    def answered(self, number: int) -> None:
        """Acknowledge on the first day, assess, and answer on day `number`."""
        self.do(verbs.acknowledge, 1, way="email")
        self.assessed(number)
        self.do(verbs.answer, number, way="email")

    def assessed(self, number: int) -> None:
        self.do(
            verbs.assess,
            number,
            merits="Two catalogs were mailed with a list that was closed before the opt-out.",
            resolution="The address is out of every list. The last catalog was mailed in spring.",
        )

    def at_the_body(self, number: int, reference: str) -> None:
        """Its notice on day `number`, our reply three days later, found eligible, in mediation."""
        self.do(
            body.receive_ana_notice,
            number,
            noticed_at=self.day(number),
            body_reference=reference,
        )
        self.do(body.reply_to_body, number + 3)
        self.do(body.find_eligible, number + 5)
        self.do(body.mediate, number + 8)


def load_disputes(dana: User, olivia: User, now: datetime) -> Iterator[str]:
    """A dispute on each rung, and this year's certifications."""
    if Dispute.objects.exists():
        return
    for framework in (EU_DPF, SWISS_DPF):
        if not Certification.objects.filter(framework_code=framework.code).exists():
            certifications.record_certification(
                framework_code=framework.code,
                certified_on=day_of(now) - timedelta(days=320),
                fund_contribution_on=day_of(now) - timedelta(days=318),
                by=olivia,
                now=now,
            )

    def story(age: int, **given: Any) -> Story:
        return Story(age, now, dana, olivia, **given)

    _with_us(story)
    _with_the_body(story)
    _beyond(story)
    yield f"{Dispute.objects.count()} disputes, from a new complaint to a verified award"


def _with_us(story: Callable[..., Story]) -> None:
    story(1, person="Greta Holm", category="access", channel="email")
    story(40, person="Ines Faber").assessed(30)
    story(60, person="Jonas Keller", region="ch", category="cannot_unsubscribe")
    story(50, person="Klara Nyman").answered(30)


def _with_the_body(story: Callable[..., Story]) -> None:
    story(5, arrival="ana", body_reference="ANA-2201", person="Luca Moretti", category="spam")
    late = story(90, person="Mira Novak", category="erasure")
    late.assessed(46)
    late.do(verbs.answer_late, 46, way="email")
    late.at_the_body(47, "ANA-2188")
    due_on = day_of(late.day(100))
    late.do(body.determine, 80, upheld=True, remedies=["deletion", "cessation"], due_on=due_on)
    first = late.case.remedies.first()
    late.do(body.perform_remedy, 85, remedy=first)
    refused = story(130, person="Nils Dahl", category="security")
    refused.answered(20)
    refused.at_the_body(30, "ANA-2170")
    due_on = day_of(refused.day(90))
    refused.do(body.determine, 70, upheld=True, remedies=["access"], due_on=due_on)
    refused.do(body.refuse_remedy, 75, second=True, remedy=refused.case.remedies.get())
    refused.do(panel.refer_to_ftc, 80)
    hr = story(30, arrival="ana", body_reference="ANA-2195", person="Olga Petrova", hr_data=True)
    hr.do(body.find_ineligible, 4, because="hr_data")


def _beyond(story: Callable[..., Story]) -> None:
    early = story(120, person="Pavel Horak")
    early.answered(30)
    early.at_the_body(46, "ANA-2150")
    early.do(body.leave_unresolved, 90)
    early.do(panel.receive_notice, 100, noticed_at=early.day(100))
    whole = story(330, person="Rosa Lindt", region="ch", category="onward_transfer")
    whole.answered(40)
    whole.at_the_body(50, "ANA-2101")
    whole.do(body.leave_unresolved, 90)
    whole.do(panel.refer_to_dpa, 95, referred_at=whole.day(95))
    whole.do(panel.begin_review, 100, began_at=whole.day(100))
    whole.do(panel.find_arbitrable, 195)
    whole.do(panel.receive_notice, 200, noticed_at=whole.day(200))
    whole.do(panel.form_panel, 215)
    due_on = day_of(whole.day(290))
    whole.do(panel.record_award, 270, remedies=["deletion"], due_on=due_on)
    remedy = whole.case.remedies.get()
    whole.do(body.perform_remedy, 280, remedy=remedy)
    whole.do(body.verify_remedy, 285, second=True, remedy=remedy)
    whole.do(verbs.close, 290)
