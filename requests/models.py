"""The app's models, in one place for Django and for other apps."""

from requests.disputes.models import Certification, Dispute, Remedy
from requests.erasures.intake.models import ErasureFile
from requests.erasures.models import Erasure, ErasureSubject
from requests.inquiries.models import FormCount, Inquiry, InquiryBranch
from requests.optouts.models import OptOut
from requests.suppressions.models import CatalogSuppression, SuppressedDrop

__all__ = [
    "CatalogSuppression",
    "Certification",
    "Dispute",
    "Erasure",
    "ErasureFile",
    "ErasureSubject",
    "FormCount",
    "Inquiry",
    "InquiryBranch",
    "OptOut",
    "Remedy",
    "SuppressedDrop",
]
