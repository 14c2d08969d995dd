"""Pages of letters and templates."""

from django.urls import path

from portal.correspondence import inboxviews, views

app_name = "correspondence"
urlpatterns = [
    path("templates/", views.template_list, name="templates"),
    path("templates/<str:code>/", views.template, name="template"),
    path("templates/<str:code>/<int:number>/", views.template_version, name="version"),
    path("write/<str:kind>/<uuid:pk>/", views.write, name="write"),
    path("mailbox/", inboxviews.mailbox, name="mailbox"),
    path("mailbox/<uuid:pk>/", inboxviews.inbound, name="inbound"),
    path("mailbox/<uuid:pk>/original/", inboxviews.original, name="original"),
    path("waiting/", views.waiting, name="waiting"),
    path("<uuid:pk>/", views.letter, name="letter"),
    path("<uuid:pk>/draft.pdf", views.preview_pdf, name="preview_pdf"),
]
