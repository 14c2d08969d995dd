"""Who gets in: the second factor, lock-out, sessions, and the review of who may.

from portal.access import step_up
@step_up            # inside of @staff_page: asks for the second factor again after ten minutes
def download(request, ...): ...
"""

from portal.access.gate import require_step_up, step_up

__all__ = ["require_step_up", "step_up"]
