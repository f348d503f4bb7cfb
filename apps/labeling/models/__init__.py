from apps.labeling.models.images import (
    Annotation,
    Image,
    OperationLog,
    Prediction,
    Verdict,
)
from apps.labeling.models.projects import Label, Project
from apps.labeling.models.remarks import Remark
from apps.labeling.models.versions import DatasetVersion, FrozenImage, VersionImage

__all__ = [
    "Annotation",
    "DatasetVersion",
    "FrozenImage",
    "Image",
    "Label",
    "OperationLog",
    "Prediction",
    "Project",
    "Remark",
    "Verdict",
    "VersionImage",
]
