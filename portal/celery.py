"""The Celery application: two queues, a static schedule, and tasks that carry ids only.

The database is the truth and a message is a hint. Every scheduled task looks for due work itself, so a
lost, repeated or late message changes nothing but the moment at which the work is begun.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
