"""Pages about people."""

from django.urls import path

from consumers import views

app_name = "consumers"
urlpatterns = [path("search/", views.search, name="search")]
