from django.urls import path

from apps.marketplace import views
from apps.marketplace.api import models as api
from apps.marketplace.api.addresses import AddressApi, AddressListApi
from apps.marketplace.api.clearances import ClearanceApi
from apps.marketplace.api.comparing import ComparisonApi
from apps.marketplace.api.files import FileListApi
from apps.marketplace.api.hub import urls as hub
from apps.marketplace.api.inside import InsideApi
from apps.marketplace.api.licences import LicenceRulesApi
from apps.marketplace.api.signatures import SignatureApi
from apps.marketplace.api.tokens import LimitedTokenListApi
from apps.marketplace.catalogue import urls as catalogue
from apps.marketplace.collections import urls as collections
from apps.marketplace.feedback import urls as feedback
from apps.marketplace.views import comparing
from apps.marketplace.views import datasets as data
from apps.marketplace.views import licences as licence_views
from apps.marketplace.views import settings as setting
from apps.marketplace.views.clearing import clear

_model = "<str:namespace>/<str:name>/"

# /marketplace/
page_urls = [
    path("", views.models, name="models"),
    path("compare/", comparing.compare, name="compare"),
    path("tokens/", views.tokens, name="tokens"),
    path("licences/", licence_views.licences, name="licences"),
    *catalogue.page_urls,
    *collections.page_urls,
    path("datasets/", data.datasets, name="datasets"),
    path(f"datasets/{_model}", data.dataset, name="dataset"),
    path("<int:model_id>/restore/", views.restore, name="restore"),
    path(_model, views.model, name="model"),
    path(f"{_model}files/", views.files, name="files"),
    path(f"{_model}revisions/", views.revisions, name="revisions"),
    path(f"{_model}settings/", setting.settings, name="settings"),
    path(f"{_model}settings/rename/", setting.rename, name="rename"),
    path(
        f"{_model}settings/addresses/<int:address_id>/forget/",
        setting.forget_address,
        name="forget-address",
    ),
    path(f"{_model}act/", views.act, name="act"),
    path(f"{_model}clear/", clear, name="clear"),
    *feedback.page_urls,
]

# /api/v1/marketplace/
api_urls = [
    path("tokens/", LimitedTokenListApi.as_view(), name="token-list"),
    path(
        "workspaces/<int:workspace_id>/licences/",
        LicenceRulesApi.as_view(),
        name="licences",
    ),
    *catalogue.api_urls,
    *collections.api_urls,
    path("models/", api.ModelListApi.as_view(), name="model-list"),
    path("compare/", ComparisonApi.as_view(), name="compare"),
    path(f"models/{_model}files/", FileListApi.as_view(), name="files"),
    path(f"models/{_model}clearance/", ClearanceApi.as_view(), name="clearance"),
    path(f"models/{_model}addresses/", AddressListApi.as_view(), name="addresses"),
    path(
        f"models/{_model}addresses/<int:address_id>/",
        AddressApi.as_view(),
        name="address",
    ),
    path(f"models/{_model}inside/", InsideApi.as_view(), name="inside"),
    path(f"models/{_model}signature/", SignatureApi.as_view(), name="signature"),
    *feedback.api_urls,
]

# At the root of the server, for Hub clients.
hub_urls = [*collections.hub_urls, *feedback.hub_urls, *hub.urls]
