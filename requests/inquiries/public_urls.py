"""The page that anybody may open."""

from django.urls import path

from requests.inquiries import public

app_name = "public"
urlpatterns = [path("request/", public.request_page, name="request")]
