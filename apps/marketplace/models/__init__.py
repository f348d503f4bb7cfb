from apps.marketplace.models.addresses import OldAddress
from apps.marketplace.models.licences import LicenceRules
from apps.marketplace.models.people import AccessRequest, Like
from apps.marketplace.models.repositories import (
    GATE_CHOICES,
    SPEED_CHOICES,
    VISIBILITY_CHOICES,
    Model,
    Namespace,
)
from apps.marketplace.models.revisions import (
    ModelRevision,
    Ref,
    RevisionFile,
    Upload,
    Xorb,
)
from apps.marketplace.models.scans import Clearance, FileScan
from apps.marketplace.models.signatures import Signature, SigningKey

__all__ = [
    "GATE_CHOICES",
    "SPEED_CHOICES",
    "VISIBILITY_CHOICES",
    "AccessRequest",
    "Clearance",
    "FileScan",
    "LicenceRules",
    "Like",
    "Model",
    "ModelRevision",
    "Namespace",
    "OldAddress",
    "Ref",
    "RevisionFile",
    "Signature",
    "SigningKey",
    "Upload",
    "Xorb",
]
