"""Pages of getting in."""

from django.urls import path

from portal.access import views

app_name = "access"
urlpatterns = [
    path("code/", views.code, name="code"),
    path("set-up/", views.set_up, name="set_up"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/end/", views.end_others, name="end_others"),
]
