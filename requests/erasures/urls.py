"""Pages of this feature."""

from django.urls import URLPattern

app_name = "erasures"
urlpatterns: list[URLPattern] = []
