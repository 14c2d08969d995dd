"""The Django app."""

from django.apps import AppConfig


class RequestsConfig(AppConfig):
    """See the package's docstring."""

    name = "requests"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from requests import startpage  # noqa: F401  (fills the menu and the start page)
        from requests.disputes import letters  # noqa: F401  (registers what can be written)
        from requests.inquiries import letters as inquiry_letters
        from requests.inquiries import mailbox  # noqa: F401  (takes the e-mails that come in)

        inquiry_letters.register()
