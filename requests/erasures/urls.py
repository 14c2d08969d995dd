"""Pages about erasures."""

from django.urls import path

from requests.erasures import views
from requests.erasures.intake import views as intake

app_name = "erasures"
urlpatterns = [
    path("log/", views.choose_client, name="log"),
    path("log/<uuid:client_id>/", views.log, name="log_for"),
    path("file/", intake.choose_client, name="log_file"),
    path("file/<uuid:client_id>/", intake.upload, name="log_file_for"),
    path("<uuid:pk>/columns/", intake.choose_columns, name="columns"),
    path("<uuid:pk>/reading/", intake.progress, name="reading"),
    path("<uuid:pk>/rows/", intake.rows, name="rows"),
    path("<uuid:pk>/preview/", intake.preview_page, name="preview"),
    path("<uuid:pk>/rows.csv", intake.row_report, name="row_report"),
    path("<uuid:pk>/progress/", views.progress, name="progress"),
    path("<uuid:pk>/certificate.json", views.certificate_json, name="certificate_json"),
    path("<uuid:pk>/certificate.pdf", views.certificate_pdf, name="certificate_pdf"),
]
