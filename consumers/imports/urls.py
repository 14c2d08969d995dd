"""Pages of the import."""

from django.urls import path

from consumers.imports import views

app_name = "imports"
urlpatterns = [
    path("", views.upload, name="upload"),
    path("<uuid:pk>/", views.job_page, name="job"),
    path("<uuid:pk>/progress/", views.progress, name="progress"),
    path("<uuid:pk>/columns/", views.choose_columns, name="columns"),
    path("<uuid:pk>/problems.csv", views.problems, name="problems"),
    path("<uuid:pk>/do/<slug:verb>/", views.act, name="act"),
]
