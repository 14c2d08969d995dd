"""Pages of this feature."""

from django.urls import path

from requests.disputes import views

app_name = "disputes"
urlpatterns = [
    path("log/", views.log, name="log"),
    path("statistics/", views.statistics_page, name="statistics"),
    path("statistics.csv", views.statistics_csv, name="statistics_csv"),
    path("certifications/", views.certifications_page, name="certifications"),
    path("<uuid:pk>/timeline.pdf", views.timeline_pdf, name="timeline_pdf"),
    path("<uuid:pk>/binder.pdf", views.binder_pdf, name="binder_pdf"),
    path("<uuid:pk>/binder.zip", views.binder_zip, name="binder_zip"),
    path("<uuid:pk>/memo.pdf", views.memo_pdf, name="memo_pdf"),
]
