"""What a log line may hold: what happened and where, and nothing of anybody."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import resolve
from django.utils.log import log_response

from portal.logs import LineFormatter, NoPersonalData
from portal.roles import AUDITOR
from tests.factories import make_user


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What is logged meanwhile, as the portal's own handler writes it."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(NoPersonalData())
    handler.setFormatter(LineFormatter())
    names = ("", "django", "django.server")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    yield written
    for name in names:
        logging.getLogger(name).removeHandler(handler)


def test_a_mistyped_address_of_a_page_is_not_logged(lines: StringIO, db: None) -> None:
    browser = Browser(headers={"host": "localhost"})
    browser.force_login(make_user(AUDITOR))
    assert browser.get("/archer/alice/").status_code == 404
    assert browser.get("/archer/%C3%84lice/?q=archer").status_code == 404
    said = lines.getvalue()
    assert said.count("django.request: Not Found: /(?P<url>") == 2
    assert "rcher" not in said
    assert "lice" not in said


def test_of_a_page_that_failed_the_route_is_logged(lines: StringIO) -> None:
    request = RequestFactory().get("/consumers/consumer/alice-archer/change/")
    request.user = AnonymousUser()
    request.resolver_match = resolve(request.path)
    response = type("Response", (), {"status_code": 500})()
    try:
        raise Http404("alice archer")
    except Http404 as error:
        log_response(
            "%s: %s", "Error", request.path, response=response, request=request, exception=error
        )
    said = lines.getvalue()
    assert "Error: /consumers/consumer/<path:object_id>/change/ [Http404 at" in said
    assert "alice" not in said


def test_a_request_line_keeps_its_verb_alone(lines: StringIO) -> None:
    logging.getLogger("django.server").warning('"%s" %s %s', "GET /?q=alice HTTP/1.1", "404", "12")
    assert 'GET [no such page]" 404 12' in lines.getvalue()


def test_the_text_of_an_exception_in_a_failed_task_is_not_logged(lines: StringIO) -> None:
    told = {"name": "portal.tasks.send_outbox", "id": "17", "description": "raised unexpected"}
    told |= {
        "exc": "ValueError('Alice Archer')",
        "traceback": "alice",
        "args": "['alice']",
        "kwargs": "{}",
    }
    message = "Task %(name)s[%(id)s] %(description)s: %(exc)s %(traceback)s %(args)s"
    try:
        raise ValueError("Alice Archer")
    except ValueError:
        logging.getLogger("celery.app.trace").error(message, told, exc_info=True)
    said = lines.getvalue()
    assert "Task portal.tasks.send_outbox[17] raised unexpected: ValueError" in said
    assert "[ValueError at test_the_text" in said
    assert "alice" not in said.lower()


def test_an_exception_among_the_arguments_is_its_type(lines: StringIO) -> None:
    logging.getLogger("kombu").warning("lost: %r, %s", ValueError("Alice"), KeyError("Alice"))
    assert "lost: 'ValueError', KeyError" in lines.getvalue()


def test_what_looks_like_a_value_is_masked_in_every_message(lines: StringIO) -> None:
    logging.getLogger("portal.tasks").warning(
        "for %s at %s\nDETAIL: Key (name)=(Alice)", "alice@example.com", "+1 617 555 0101"
    )
    said = lines.getvalue()
    assert "for [e-mail] at [number]" in said
    assert "lice" not in said
