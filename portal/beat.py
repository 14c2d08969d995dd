"""The scheduler: every sweep once at the start, and from then on at its interval.

Invariants: it keeps no file, so `kill -9` cannot spoil one; a portal that never runs for a whole interval
still sweeps, because each start does. The sweeps find due work in the database and do nothing twice.
"""

from datetime import timedelta

from celery.beat import Scheduler

_LONG_AGO = timedelta(days=366)


class StartScheduler(Scheduler):
    """Celery's scheduler in memory, whose entries are all due when it starts."""

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)
        for entry in self.schedule.values():
            entry.last_run_at = self.app.now() - _LONG_AGO
