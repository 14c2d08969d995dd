"""Pages of this feature."""

from django.urls import URLPattern

app_name = "optouts"
urlpatterns: list[URLPattern] = []
