from django.urls import path

from apps.labeling import api, views

# /
home_urls = [
    path("", views.home, name="home"),
]

# /labeling/
page_urls = [
    path("", views.projects, name="projects"),
    path("projects/new/", views.new_project, name="new-project"),
    path("projects/<int:project_id>/", views.project, name="project"),
    path(
        "projects/<int:project_id>/settings/", views.project_settings, name="settings"
    ),
    path("projects/<int:project_id>/images/", views.gallery, name="gallery"),
    path("projects/<int:project_id>/prelabel/", views.prelabel, name="prelabel"),
    path("projects/<int:project_id>/next/", views.next_image, name="next-image"),
    path("images/<int:image_id>/", views.editor, name="editor"),
]

# /api/v1/labeling/
_project, _image = "projects/<int:project_id>", "images/<int:image_id>"
api_urls = [
    path("projects/", api.ProjectListApi.as_view(), name="project-list"),
    path(f"{_project}/", api.ProjectApi.as_view(), name="project"),
    path(f"{_project}/labels/", api.LabelListApi.as_view(), name="label-list"),
    path(f"{_project}/labels/<int:label_id>/", api.LabelApi.as_view(), name="label"),
    path(f"{_project}/images/", api.ImageListApi.as_view(), name="image-list"),
    path(f"{_project}/prelabel/", api.PrelabelApi.as_view(), name="prelabel"),
    path(f"{_project}/export/", api.ExportApi.as_view(), name="export"),
    path(f"{_image}/", api.ImageApi.as_view(), name="image"),
    path(f"{_image}/file/", api.ImageFileApi.as_view(), name="image-file"),
    path(f"{_image}/shown/", api.ImageShownApi.as_view(), name="image-shown"),
    path(
        f"{_image}/thumbnail/", api.ImageThumbnailApi.as_view(), name="image-thumbnail"
    ),
    path(f"{_image}/document/", api.DocumentApi.as_view(), name="document"),
    path(f"{_image}/operations/", api.OperationsApi.as_view(), name="operations"),
    path(f"{_image}/history/", api.HistoryApi.as_view(), name="history"),
    path(f"{_image}/submit/", api.SubmitApi.as_view(), name="submit"),
    path(f"{_image}/reopen/", api.ReopenApi.as_view(), name="reopen"),
]
