"""Pages of this feature."""

from django.urls import URLPattern

app_name = "suppressions"
urlpatterns: list[URLPattern] = []
