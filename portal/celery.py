"""The Celery application: two queues, a static schedule, and tasks that carry ids only.

The database is the truth and a message is a hint. Every scheduled task looks for due work itself, so a
lost, repeated or late message changes nothing but the moment at which the work is begun.

Invariant: no task does anything in a restored database before its erasures have been replayed (R41). Each task
is of the class here, so none can forget to ask.
"""

import logging
import os
from typing import Any

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

log = logging.getLogger(__name__)


class GatedTask(Task):  # type: ignore[type-arg]
    """A task that waits for the replay: who was erased must not be mailed, listed or imported meanwhile."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from portal.restore import replay_pending

        if replay_pending():
            log.warning("%s waits until the erasures have been replayed", self.name)
            return None
        return super().__call__(*args, **kwargs)


app = Celery("portal", task_cls=GatedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
