from apps.labeling.models.images import (
    BLIND,
    FREE,
    Annotation,
    Image,
    OperationLog,
    Prediction,
    Verdict,
)
from apps.labeling.models.merges import Merge
from apps.labeling.models.projects import Label, Project
from apps.labeling.models.pyramids import Pyramid
from apps.labeling.models.remarks import Remark
from apps.labeling.models.rules import AllocationRule
from apps.labeling.models.saved_views import SavedView
from apps.labeling.models.versions import DatasetVersion, FrozenImage, VersionImage

__all__ = [
    "BLIND",
    "FREE",
    "AllocationRule",
    "Annotation",
    "DatasetVersion",
    "FrozenImage",
    "Image",
    "Label",
    "Merge",
    "OperationLog",
    "Prediction",
    "Project",
    "Pyramid",
    "Remark",
    "SavedView",
    "Verdict",
    "VersionImage",
]
