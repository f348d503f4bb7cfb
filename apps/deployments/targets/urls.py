from django.urls import path

from apps.deployments.targets import api, views

# /deployments/targets/
_page = "<int:deployment_id>/"
page_urls = [
    path("", views.targets, name="targets"),
    path("new/", views.choose, name="target-choose"),
    path("new/<slug:target>/", views.new, name="target-new"),
    path("credentials/", views.credentials, name="credentials"),
    path("credentials/new/<slug:target>/", views.new_credential, name="credential-new"),
    path(
        "credentials/<int:credential_id>/forget/",
        views.forget_credential,
        name="credential-forget",
    ),
    path(_page, views.target, name="target"),
    path(f"{_page}confirm/", views.confirm, name="target-confirm"),
    path(f"{_page}bundle/", views.bundle, name="target-bundle"),
    path(f"{_page}credential/", views.choose_credential, name="target-credential"),
    path(f"{_page}check/", views.check, name="target-check"),
    path(f"{_page}change/", views.change, name="target-change"),
    path(f"{_page}remove/", views.remove, name="target-remove"),
]

# /api/v1/deployments/targets/
_one = "deployments/<int:deployment_id>/"
api_urls = [
    path("", api.TargetListApi.as_view(), name="target-list"),
    path("deployments/", api.DeploymentListApi.as_view(), name="deployment-list"),
    path(_one, api.DeploymentApi.as_view(), name="deployment"),
    path(f"{_one}confirm/", api.ConfirmApi.as_view(), name="deployment-confirm"),
    path(f"{_one}bundle/", api.BundleApi.as_view(), name="deployment-bundle"),
    path(f"{_one}check/", api.CheckApi.as_view(), name="deployment-check"),
    path(f"{_one}change/", api.ChangeApi.as_view(), name="deployment-change"),
    path(
        f"{_one}credential/",
        api.ChooseCredentialApi.as_view(),
        name="deployment-credential",
    ),
    path(f"{_one}resources/", api.ResourceListApi.as_view(), name="resource-list"),
    path(f"{_one}ledger/", api.EntryListApi.as_view(), name="deployment-ledger"),
    path("credentials/", api.CredentialListApi.as_view(), name="credential-list"),
    path(
        "credentials/<int:credential_id>/",
        api.CredentialApi.as_view(),
        name="credential",
    ),
]
