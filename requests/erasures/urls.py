"""Pages about erasures."""

from django.urls import path

from requests.erasures import views

app_name = "erasures"
urlpatterns = [
    path("log/", views.choose_client, name="log"),
    path("log/<uuid:client_id>/", views.log, name="log_for"),
    path("<uuid:pk>/progress/", views.progress, name="progress"),
    path("<uuid:pk>/certificate.json", views.certificate_json, name="certificate_json"),
    path("<uuid:pk>/certificate.pdf", views.certificate_pdf, name="certificate_pdf"),
]
