"""Pages of getting in."""

from django.urls import path

from portal.access import pages, views

app_name = "access"
urlpatterns = [
    path("code/", views.code, name="code"),
    path("set-up/", views.set_up, name="set_up"),
    path("people/", pages.people, name="people"),
    path("people/file/", pages.people_csv, name="people_csv"),
    path("people/<uuid:pk>/", pages.person, name="person"),
    path("people/<uuid:pk>/do/<slug:deed>/", pages.act, name="act"),
    path("trail/", pages.search, name="trail"),
    path("trail/file/", pages.search_csv, name="trail_csv"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/end/", views.end_others, name="end_others"),
]
