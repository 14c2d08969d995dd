"""The app's models, in one place for Django and for other apps."""

from requests.erasures.intake.models import ErasureFile
from requests.erasures.models import Erasure, ErasureSubject
from requests.inquiries.models import Inquiry, InquiryBranch
from requests.optouts.models import OptOut
from requests.suppressions.models import CatalogSuppression, SuppressedDrop

__all__ = [
    "CatalogSuppression",
    "Erasure",
    "ErasureFile",
    "ErasureSubject",
    "Inquiry",
    "InquiryBranch",
    "OptOut",
    "SuppressedDrop",
]
