"""Just enough of a browser to fill in forms: cookies, redirects, and what a page's forms are filled with."""

import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import NamedTuple

Fields = dict[str, str]


class Upload(NamedTuple):
    """A file as it is put into a form."""

    name: str
    content: bytes
    kind: str = "text/csv"


class Forms(HTMLParser):
    """The forms of a page, each as what it would send as it is; and what its lists offer, by their words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Fields] = []
        self.options: dict[str, Fields] = {}
        self._select = self._text = ""
        self._option: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        name = told.get("name", "")
        if tag == "form":
            self.found.append({})
        elif tag == "input" and name:
            if told.get("type") not in ("checkbox", "radio") or "checked" in told:
                self._put(name, told.get("value", ""))
            elif self.found:
                self.found[-1].setdefault(name, "")
        elif tag == "select":
            self._select, self.options[name] = name, {}
        elif tag == "option" and self._select:
            self._option = told.get("value", "")
            if "selected" in told or not self.options[self._select]:
                self._put(self._select, self._option)
        elif tag == "textarea":
            self._text = name
            self._put(name, "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select, self._option = "", None
        elif tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self._put(self._text, data.strip())
        elif self._select and self._option is not None:
            self.options[self._select].setdefault(data.strip(), self._option)

    def _put(self, name: str, value: str) -> None:
        if self.found:
            self.found[-1][name] = value

    def with_fields(self, names: set[str]) -> Fields:
        """The form that has all of these fields; raises AssertionError if none has."""
        fitting = [form for form in self.found if names <= form.keys()]
        assert fitting, f"no form asks for {sorted(names)}"
        return fitting[0]


class Browser:
    """One person's browser at one site. Raises AssertionError where a page does not answer as it should."""

    def __init__(self, site: str) -> None:
        self.site = self.address = site
        self.page = ""
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        # The environment's proxies are not for this machine's own pages.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def get(self, path: str) -> str:
        """The page at `path`, or the one that it leads to."""
        return self._open(self.site + path)

    def submit(self, path: str, fields: Fields, uploads: Mapping[str, Upload] | None = None) -> str:
        """Open the page at `path`, fill in the form that has these fields and send it; what follows.

        A choice may be given by the words that stand on the page.
        """
        forms = Forms(self.get(path))
        chosen = {
            name: forms.options.get(name, {}).get(told, told) for name, told in fields.items()
        }
        filled = forms.with_fields({*fields, *(uploads or {})}) | chosen
        sent = {name: told for name, told in filled.items() if name not in (uploads or {})}
        if uploads is None:
            return self._open(self.address, urllib.parse.urlencode(sent).encode())
        boundary = secrets.token_hex(16)
        kind = f"multipart/form-data; boundary={boundary}"
        return self._open(self.address, _multipart(boundary, sent, uploads), kind)

    def _open(self, url: str, body: bytes | None = None, kind: str = "") -> str:
        headers = {"Referer": self.address} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(url, body, headers)  # noqa: S310 (ours)
        try:
            with self._opener.open(request, timeout=120) as answer:
                self.address, self.page = answer.url, str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(
                f"{urllib.parse.urlsplit(url).path} answered {error.code}"
            ) from None
        return self.page


def _multipart(boundary: str, fields: Fields, uploads: Mapping[str, Upload]) -> bytes:
    parts = [(f'name="{name}"\r\n', value.encode()) for name, value in fields.items()] + [
        (f'name="{name}"; filename="{file.name}"\r\nContent-Type: {file.kind}\r\n', file.content)
        for name, file in uploads.items()
    ]
    pieces = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n".encode() + content + b"\r\n"
        for head, content in parts
    ]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])
