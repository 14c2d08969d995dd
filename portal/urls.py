"""The portal's URLs. The admin is the place of work and stands at the root."""

from django.contrib import admin
from django.urls import include, path

from portal.health import healthz
from portal.worklist.views import worklist

handler400 = "portal.errorpages.bad_request"

urlpatterns = [
    path("healthz", healthz),
    path("work/", worklist, name="worklist"),
    path("letters/", include("portal.correspondence.urls")),
    path("access/", include("portal.access.urls")),
    path("consumers/", include("consumers.urls")),
    path("imports/", include("consumers.imports.urls")),
    path("disputes/", include("requests.disputes.urls")),
    path("erasures/", include("requests.erasures.urls")),
    path("inquiries/", include("requests.inquiries.urls")),
    path("privacy/", include("requests.inquiries.public_urls")),
    path("optouts/", include("requests.optouts.urls")),
    path("suppressions/", include("requests.suppressions.urls")),
    path("instructions/", include("clients.instructions.urls")),
    path("", admin.site.urls),
]
