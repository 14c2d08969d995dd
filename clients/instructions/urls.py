"""Pages of their own."""

from django.urls import path

from clients.instructions import views

app_name = "instructions"
urlpatterns = [
    path("log/", views.choose_client, name="log"),
    path("log/<uuid:client_id>/", views.log, name="log_for"),
]
