"""The admin as an app whose default site is the portal's own."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Makes `django.contrib.admin.site` the portal's site."""

    default_site = "portal.admin.PortalAdminSite"
