"""Correspondence of every kind of case: templates with versions, drafts, letters and e-mails, the mailbox.

Rooms register what they write (`register_purpose`), draft and send; a sent copy is kept sealed on its case.
"""

from portal.correspondence.purposes import Party, register_purpose

__all__ = ["Party", "register_purpose"]
