"""What other rooms may read; the modules hold it by subject."""

from apps.labeling.selectors.access import access_as, access_image, access_project
from apps.labeling.selectors.images import (
    REVIEWS,
    boxes_of,
    count_images,
    count_listed,
    count_unsubmitted,
    from_place,
    list_history,
    list_images,
    list_known,
    list_remarks,
    my_queue,
    next_to_review,
    own_copy,
    place_of,
    position_of,
)
from apps.labeling.selectors.levels import levels_of, windowed
from apps.labeling.selectors.lineage import data_of_model
from apps.labeling.selectors.projects import (
    count_labels,
    first_steps,
    list_labels,
    list_projects,
    name_projects,
    recent_submissions,
    submitted_by_day,
)
from apps.labeling.selectors.proposals import (
    count_open_proposals,
    list_judged,
    list_open_proposals,
)
from apps.labeling.selectors.subjects import data_of_project
from apps.labeling.selectors.tiles import access_tiled, read_region, read_tile
from apps.labeling.selectors.versions import (
    access_dataset_version,
    list_dataset_versions,
    pictures_in_versions,
)
from apps.labeling.selectors.wanted import list_saved_views, read_wanted, written

__all__ = [
    "REVIEWS",
    "access_as",
    "access_dataset_version",
    "access_image",
    "access_project",
    "access_tiled",
    "boxes_of",
    "count_images",
    "count_labels",
    "count_listed",
    "count_open_proposals",
    "count_unsubmitted",
    "data_of_model",
    "data_of_project",
    "first_steps",
    "from_place",
    "levels_of",
    "list_dataset_versions",
    "list_history",
    "list_images",
    "list_judged",
    "list_known",
    "list_labels",
    "list_open_proposals",
    "list_projects",
    "list_remarks",
    "list_saved_views",
    "my_queue",
    "name_projects",
    "next_to_review",
    "own_copy",
    "pictures_in_versions",
    "place_of",
    "position_of",
    "read_region",
    "read_tile",
    "read_wanted",
    "recent_submissions",
    "submitted_by_day",
    "windowed",
    "written",
]
