from django.urls import include, path, re_path

from apps.deployments.api import endpoints as api
from apps.deployments.api import label_studio as backend
from apps.deployments.api.sampling import SamplingApi
from apps.deployments.targets import urls as targets
from apps.deployments.trials import urls as trials
from apps.deployments.views import pages as views
from apps.deployments.views import sampling

# /deployments/
page_urls = [
    path("targets/", include(targets.page_urls)),
    path("trials/", include(trials.page_urls)),
    path("", views.endpoints, name="endpoints"),
    path("summary/", views.summary, name="summary"),
    path("new/", views.new_endpoint, name="new"),
    path("<int:endpoint_id>/", views.endpoint, name="endpoint"),
    path("<int:endpoint_id>/release/", views.release, name="release"),
    path("<int:endpoint_id>/scale/", views.scale, name="scale"),
    path("<int:endpoint_id>/pause/", views.pause, name="pause"),
    path("<int:endpoint_id>/resume/", views.resume, name="resume"),
    path("<int:endpoint_id>/roll-back/", views.roll_back, name="roll-back"),
    path("<int:endpoint_id>/delete/", views.delete, name="delete"),
    path("<int:endpoint_id>/try/", views.try_it, name="try"),
    path("<int:endpoint_id>/keys/", views.new_key, name="new-key"),
    path(
        "<int:endpoint_id>/keys/<int:key_id>/revoke/", views.revoke, name="revoke-key"
    ),
    path("<int:endpoint_id>/log/", views.log, name="log"),
    path("<int:endpoint_id>/sampling/", sampling.sampling, name="sampling"),
    path(
        "<int:endpoint_id>/sampling/stop/",
        sampling.stop_sampling,
        name="stop-sampling",
    ),
]

# /api/v1/deployments/
_one = "endpoints/<int:endpoint_id>/"
_backend = f"{_one}label-studio/"
api_urls = [
    path("targets/", include(targets.api_urls)),
    path("trials/", include(trials.api_urls)),
    path("endpoints/", api.EndpointListApi.as_view(), name="endpoint-list"),
    path(_one, api.EndpointApi.as_view(), name="endpoint"),
    path(f"{_one}pause/", api.EndpointPauseApi.as_view(), name="pause"),
    path(f"{_one}resume/", api.EndpointResumeApi.as_view(), name="resume"),
    path(f"{_one}roll-back/", api.EndpointRollBackApi.as_view(), name="roll-back"),
    path(f"{_one}releases/", api.ReleaseListApi.as_view(), name="release-list"),
    path(f"{_one}replicas/", api.ReplicaListApi.as_view(), name="replica-list"),
    path(f"{_one}ledger/", api.LedgerListApi.as_view(), name="ledger-list"),
    path(f"{_one}served/", api.ServedApi.as_view(), name="served"),
    path(f"{_one}figures/", api.FiguresApi.as_view(), name="figures"),
    # Without a slash at the end: that is how Label Studio asks.
    path(f"{_backend}health", backend.HealthApi.as_view(), name="backend-health"),
    path(f"{_backend}setup", backend.SetupApi.as_view(), name="backend-setup"),
    path(f"{_backend}predict", backend.PredictApi.as_view(), name="backend-predict"),
    path(f"{_backend}versions", backend.VersionsApi.as_view(), name="backend-versions"),
    re_path(
        r"^endpoints/(?P<endpoint_id>[0-9]+)/label-studio/"
        r"(?P<news>webhook|validate|train|job_status|delete|duplicate_model)$",
        backend.NewsApi.as_view(),
        name="backend-news",
    ),
    path(f"{_one}sampling/", SamplingApi.as_view(), name="sampling"),
    path(f"{_one}keys/", api.KeyListApi.as_view(), name="key-list"),
    path(f"{_one}keys/<int:key_id>/", api.KeyApi.as_view(), name="key"),
]
