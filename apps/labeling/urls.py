from django.urls import path

from apps.labeling.api import (
    allocation,
    data,
    documents,
    exchange,
    gathering,
    images,
    outlines,
    projects,
    quality,
    review,
    reviewing,
    saved_views,
    tiles,
    version_merges,
    versions,
)
from apps.labeling.views import allocation as allocation_pages
from apps.labeling.views import exchange as exchange_pages
from apps.labeling.views import gallery, pages, work
from apps.labeling.views import gathering as gathering_pages
from apps.labeling.views import quality as quality_pages
from apps.labeling.views import version_merges as merge_pages
from apps.labeling.views import versions as version_pages

# /
home_urls = [
    path("", pages.home, name="home"),
]

# /labeling/
page_urls = [
    path("", pages.projects, name="projects"),
    path("projects/new/", pages.new_project, name="new-project"),
    path("projects/<int:project_id>/", pages.project, name="project"),
    path(
        "projects/<int:project_id>/settings/", pages.project_settings, name="settings"
    ),
    path("projects/<int:project_id>/labels/", pages.add_label, name="add-label"),
    path(
        "projects/<int:project_id>/labels/<int:label_id>/",
        pages.update_label,
        name="update-label",
    ),
    path(
        "projects/<int:project_id>/labels/<int:label_id>/schema/",
        pages.label_schema,
        name="label-schema",
    ),
    path(
        "projects/<int:project_id>/labels/<int:label_id>/delete/",
        pages.delete_label,
        name="delete-label",
    ),
    path("projects/<int:project_id>/archive/", pages.archive, name="archive"),
    path("projects/<int:project_id>/images/", gallery.gallery, name="gallery"),
    path("projects/<int:project_id>/images/act/", gallery.act_on_images, name="act"),
    path(
        "projects/<int:project_id>/images/views/",
        gallery.act_on_views,
        name="act-on-views",
    ),
    path(
        "projects/<int:project_id>/add/", gathering_pages.add_images, name="add-images"
    ),
    path("projects/<int:project_id>/prelabel/", pages.prelabel, name="prelabel"),
    path("projects/<int:project_id>/next/", work.next_image, name="next-image"),
    path("projects/<int:project_id>/wall/", work.wall, name="wall"),
    path("images/<int:image_id>/", work.editor, name="editor"),
    path("images/<int:image_id>/history/", work.history, name="history"),
    path("projects/<int:project_id>/restore/", work.restore, name="restore"),
    path(
        "projects/<int:project_id>/versions/", version_pages.versions, name="versions"
    ),
    path(
        "projects/<int:project_id>/versions/merge/",
        merge_pages.merge,
        name="merge-versions",
    ),
    path(
        "projects/<int:project_id>/allocation/",
        allocation_pages.allocation,
        name="allocation",
    ),
    path(
        "projects/<int:project_id>/allocation/act/",
        allocation_pages.act,
        name="act-on-allocation",
    ),
    path("projects/<int:project_id>/quality/", quality_pages.quality, name="quality"),
    path(
        "projects/<int:project_id>/quality/act/",
        quality_pages.act,
        name="act-on-quality",
    ),
    path("images/<int:image_id>/compare/", quality_pages.compare, name="compare"),
    path("projects/<int:project_id>/data/", exchange_pages.data, name="data"),
    path(
        "projects/<int:project_id>/data/export/",
        exchange_pages.export,
        name="start-export",
    ),
    path(
        "projects/<int:project_id>/data/import/",
        exchange_pages.import_file,
        name="start-import",
    ),
    path(
        "projects/<int:project_id>/data/apply/<uuid:import_id>/",
        exchange_pages.apply,
        name="apply-import",
    ),
    path("versions/<int:version_id>/", version_pages.version, name="version"),
    path(
        "versions/<int:version_id>/images/<int:frozen_id>/thumbnail/",
        version_pages.thumbnail,
        name="version-thumbnail",
    ),
    path(
        "versions/<int:version_id>/restore/",
        version_pages.restore,
        name="restore-version",
    ),
]

# /api/v1/labeling/
_project, _image = "projects/<int:project_id>", "images/<int:image_id>"
_version = "versions/<int:version_id>"
api_urls = [
    path("projects/", projects.ProjectListApi.as_view(), name="project-list"),
    path(f"{_project}/", projects.ProjectApi.as_view(), name="project"),
    path(f"{_project}/labels/", projects.LabelListApi.as_view(), name="label-list"),
    path(
        f"{_project}/labels/<int:label_id>/", projects.LabelApi.as_view(), name="label"
    ),
    path(f"{_project}/images/", images.ImageListApi.as_view(), name="image-list"),
    path(
        f"{_project}/images/known/", images.KnownImagesApi.as_view(), name="image-known"
    ),
    path(
        f"{_project}/views/",
        saved_views.SavedViewListApi.as_view(),
        name="saved-view-list",
    ),
    path(
        f"{_project}/views/<int:view_id>/",
        saved_views.SavedViewApi.as_view(),
        name="saved-view",
    ),
    path(
        f"{_project}/gather/file/",
        gathering.GatherFileApi.as_view(),
        name="gather-file",
    ),
    path(
        f"{_project}/gather/addresses/",
        gathering.GatherAddressesApi.as_view(),
        name="gather-addresses",
    ),
    path(
        f"{_project}/gather/bucket/",
        gathering.GatherBucketApi.as_view(),
        name="gather-bucket",
    ),
    path(f"{_project}/prelabel/", data.PrelabelApi.as_view(), name="prelabel"),
    path(
        f"{_project}/proposals/", review.ProposalListApi.as_view(), name="proposal-list"
    ),
    path(
        f"{_project}/calibration/", review.CalibrationApi.as_view(), name="calibration"
    ),
    path(f"{_project}/verdicts/", review.VerdictsApi.as_view(), name="verdicts"),
    path(
        f"{_project}/restore/",
        documents.RestoreProjectApi.as_view(),
        name="restore-project",
    ),
    path(f"{_project}/export/", data.ExportApi.as_view(), name="export"),
    path(
        f"{_project}/versions/", versions.VersionListApi.as_view(), name="version-list"
    ),
    path(f"{_project}/exports/", exchange.ExportListApi.as_view(), name="export-list"),
    path(
        "exports/<uuid:export_id>/file/",
        exchange.ExportFileApi.as_view(),
        name="export-file",
    ),
    path(f"{_project}/imports/", exchange.ImportListApi.as_view(), name="import-list"),
    path(
        "imports/<uuid:import_id>/apply/",
        exchange.ApplyImportApi.as_view(),
        name="apply-import",
    ),
    path(f"{_version}/", versions.VersionApi.as_view(), name="version"),
    path(
        f"{_version}/difference/",
        versions.DifferenceApi.as_view(),
        name="version-difference",
    ),
    path(f"{_version}/restore/", versions.RestoreApi.as_view(), name="restore-version"),
    path(
        f"{_version}/merge/",
        version_merges.MergeVersionApi.as_view(),
        name="merge-version",
    ),
    path(f"{_version}/export/", versions.ExportApi.as_view(), name="version-export"),
    path(f"{_image}/", images.ImageApi.as_view(), name="image"),
    path(f"{_image}/file/", images.ImageFileApi.as_view(), name="image-file"),
    path(f"{_image}/levels/", images.ImageLevelsApi.as_view(), name="image-levels"),
    path(f"{_image}/shown/", images.ImageShownApi.as_view(), name="image-shown"),
    path(
        f"{_image}/thumbnail/",
        images.ImageThumbnailApi.as_view(),
        name="image-thumbnail",
    ),
    path(f"{_image}/tiles/", tiles.TilesApi.as_view(), name="tiles"),
    path(
        f"{_image}/tiles/<int:level>/<int:column>/<int:row>/",
        tiles.TileApi.as_view(),
        name="tile",
    ),
    path(f"{_image}/document/", documents.DocumentApi.as_view(), name="document"),
    path(f"{_image}/operations/", documents.OperationsApi.as_view(), name="operations"),
    path(f"{_image}/history/", documents.HistoryApi.as_view(), name="history"),
    path(f"{_image}/restore/", documents.RestoreImageApi.as_view(), name="restore"),
    path(f"{_image}/submit/", documents.SubmitApi.as_view(), name="submit"),
    path(f"{_image}/rejections/", review.RejectionsApi.as_view(), name="rejections"),
    path(f"{_image}/outlines/", outlines.OutlinesApi.as_view(), name="outlines"),
    path(f"{_image}/crop/", review.CropApi.as_view(), name="crop"),
    path(f"{_image}/reopen/", documents.ReopenApi.as_view(), name="reopen"),
    path(f"{_project}/next/", allocation.NextApi.as_view(), name="next"),
    path(f"{_project}/workload/", allocation.WorkloadApi.as_view(), name="workload"),
    path(f"{_project}/assign/", allocation.AssignApi.as_view(), name="assign"),
    path(f"{_project}/rules/", allocation.RuleListApi.as_view(), name="rule-list"),
    path(
        f"{_project}/rules/apply/",
        allocation.ApplyRulesApi.as_view(),
        name="apply-rules",
    ),
    path(f"{_project}/rules/<int:rule_id>/", allocation.RuleApi.as_view(), name="rule"),
    path(f"{_project}/quality/", quality.QualityApi.as_view(), name="quality"),
    path(f"{_project}/overlap/", quality.OverlapApi.as_view(), name="overlap"),
    path(f"{_project}/truths/", quality.TruthsApi.as_view(), name="truths"),
    path(f"{_project}/merge/", quality.MergeApi.as_view(), name="merge"),
    path(f"{_image}/undo-merge/", quality.UndoMergeApi.as_view(), name="undo-merge"),
    path(f"{_project}/accept/", reviewing.AcceptApi.as_view(), name="accept"),
    path(f"{_image}/send-back/", reviewing.SendBackApi.as_view(), name="send-back"),
    path(f"{_image}/remarks/", reviewing.RemarkListApi.as_view(), name="remark-list"),
    path(
        f"{_image}/remarks/<int:remark_id>/settle/",
        reviewing.SettleRemarkApi.as_view(),
        name="settle-remark",
    ),
]
