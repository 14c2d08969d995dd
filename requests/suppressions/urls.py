"""Pages about catalog suppressions."""

from django.urls import path

from requests.suppressions import views

app_name = "suppressions"
urlpatterns = [
    path("<uuid:pk>/statement/", views.statement_page, name="statement"),
    path("<uuid:pk>/statement.pdf", views.statement_pdf, name="statement_pdf"),
]
