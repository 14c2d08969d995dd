"""The portal's admin site and the base classes of its admin classes."""

from django.contrib import admin


class PortalAdminSite(admin.AdminSite):
    """The place of work."""

    site_header = "Privacy portal"
    site_title = "Privacy portal"
    index_title = "What is due"
