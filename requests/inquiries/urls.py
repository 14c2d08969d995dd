"""Pages of this feature for staff."""

from django.urls import path

from requests.inquiries import exports, views

app_name = "inquiries"
urlpatterns = [
    path("log/", views.log, name="log"),
    path("triage/", views.triage_first, name="triage_first"),
    path("<uuid:pk>/triage/", views.triage, name="triage"),
    path("<uuid:pk>/people/", views.find, name="find"),
    path("register/", exports.register_page, name="register"),
    path("register/log.csv", exports.log_csv, name="log_csv"),
]
