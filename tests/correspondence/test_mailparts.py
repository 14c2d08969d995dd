"""What is read of an e-mail, whatever was done to it: never an error, always a verdict."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.correspondence.htmltext import text_of_html
from portal.correspondence.mailparts import LONGEST_TEXT, identity_of, read
from tests.correspondence.dovecot import make_mail

HEAD = b"From: Alice <alice@example.com>\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"


def test_the_plain_text_is_preferred_and_the_rest_is_attached() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Álîçe <alice@example.com>", "Löschen, bitte"
    message.set_content("Plain words")
    message.add_alternative("<p>Rich words</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="päss.pdf")
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Inner words")
    message.add_attachment(inner)
    mail = read(bytes(message))
    assert (mail.sender_name, mail.subject, mail.text, mail.verdict) == (
        "Álîçe", "Löschen, bitte", "Plain words", "",
    )  # fmt: skip
    kinds = [(one.name, one.content_type) for one in mail.attachments]
    assert kinds == [("päss.pdf", "application/pdf"), ("attachment", "message/rfc822")]
    assert b"Inner words" in mail.attachments[1].content


def test_html_alone_is_read_as_text() -> None:
    source = (
        "<head><title>t</title></head><style>p{}</style><script>evil()</script><!-- hidden -->"
        "<p>Dear &lt;you&gt;,</p><p>see <a href='https://example.com/x'>this</a>&nbsp;<b>now</b>"
        "<img src=https://track.example.com/1.gif></p>"
    )
    raw = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + source.encode()
    assert read(raw).text == "Dear <you>,\n\nsee [https://example.com/x] this now"


@pytest.mark.parametrize("source", ["<" * 300_000, "<!--" * 80_000, "<a href=" * 50_000, "<p" * 9])
def test_hostile_html_costs_no_more_than_its_length(source: str) -> None:
    assert len(text_of_html(source)) <= len(source)


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("x-unheard-of", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode("cp1252"), "Grüße"),
        ("utf-16", b"odd", "odd"),
        ("utf-8", b"a\x00b\x1b[31m\xe2\x80\xaec", "ab[31mc"),
    ],
)
def test_a_charset_that_is_unknown_or_wrong_is_no_obstacle(
    charset: str, content: bytes, text: str
) -> None:
    raw = HEAD + f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + content
    assert (read(raw).text, read(raw).verdict) == (text, "")


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (b"", "no_sender"),
        (b"\xff\xfe\x00", "no_sender"),
        (HEAD.replace(b"Subject: Hi\r\n", b"") + b"\r\n \r\n", "empty"),
        (b"From: undisclosed\r\n\r\nHello", "no_sender"),
        (b"X: y\r\n" * 2_000 + HEAD + b"\r\nHi", "too_many_headers"),
        (HEAD + b"\r\n\r\n" + b"--x\r\nContent-Type: text/plain\r\n\r\n" * 600, "too_many_parts"),
        (make_mail(1, Auto_Submitted="auto-replied; owner=x"), "auto_reply"),
        (make_mail(1, Auto_Submitted="auto-notified"), "automatic"),
        (make_mail(1, List_Unsubscribe="<mailto:a@example.com>"), "mailing_list"),
    ],
)
def test_every_email_ends_with_a_verdict(raw: bytes, verdict: str) -> None:
    assert read(raw).verdict == verdict


def test_parts_within_parts_are_read_to_any_depth_or_put_aside() -> None:
    raw = HEAD
    for depth in range(490):
        raw += f'Content-Type: multipart/mixed; boundary="b{depth}"\r\n\r\n--b{depth}\r\n'.encode()
    raw += b"Content-Type: text/plain\r\n\r\nDeep\r\n"
    assert read(raw).verdict in ("", "broken")


def test_a_very_long_text_is_cut_and_says_so() -> None:
    mail = read(HEAD + b"\r\n" + b"word " * LONGEST_TEXT)
    assert len(mail.text) < LONGEST_TEXT + 100
    assert mail.text.endswith("The whole is in the original.]")


@given(st.binary(max_size=300), st.binary(max_size=200))
def test_no_bytes_make_it_raise(head: bytes, body: bytes) -> None:
    for raw in (head, HEAD + head + b"\r\n\r\n" + body):
        mail = read(raw)
        identity_of(raw)
        (mail.text + mail.subject + mail.sender_name).encode()


def test_the_way_an_email_took_does_not_make_it_another() -> None:
    raw = make_mail(1)
    assert identity_of(raw) == identity_of(b"Received: by mx.example.com\n" + raw)
    assert identity_of(raw)[1] != identity_of(make_mail(1, text="Other words"))[1]
    assert identity_of(raw)[0] == "<1@mail.example.com>"
