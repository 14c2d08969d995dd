"""Pages of this feature."""

from django.urls import path

from requests.optouts import views

app_name = "optouts"
urlpatterns = [
    path("log/", views.choose_client, name="log"),
    path("log/<uuid:client_id>/<slug:what>/", views.log, name="log_for"),
]
