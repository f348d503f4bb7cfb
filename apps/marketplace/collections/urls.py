from django.urls import path

from apps.marketplace.collections import api, hub, views

_one = "collections/<int:collection_id>/"
_slug = "<str:namespace>/<str:slug>"

# /marketplace/
page_urls = [
    path("trash/", views.trash, name="trash"),
    path("collections/", views.collections, name="collections"),
    path(_one, views.collection, name="collection"),
    path(f"{_one}act/", views.act, name="collection-act"),
    path(f"{_one}restore/", views.restore, name="collection-restore"),
    path("collect/", views.collect, name="collect"),
]

# /api/v1/marketplace/
api_urls = [
    path("collections/", api.CollectionListApi.as_view(), name="collection-list"),
    path(_one, api.CollectionApi.as_view(), name="collection"),
    path(f"{_one}items/", api.ItemListApi.as_view(), name="collection-items"),
    path(f"{_one}items/<int:item_id>/", api.ItemApi.as_view(), name="collection-item"),
    path(
        "trash/repositories/",
        api.DeletedRepositoriesApi.as_view(),
        name="trash-repositories",
    ),
    path(
        "trash/repositories/<int:model_id>/restore/",
        api.RestoreRepositoryApi.as_view(),
        name="trash-restore-repository",
    ),
    path(
        "trash/collections/",
        api.DeletedCollectionsApi.as_view(),
        name="trash-collections",
    ),
    path(
        "trash/collections/<int:collection_id>/restore/",
        api.RestoreCollectionApi.as_view(),
        name="trash-restore-collection",
    ),
]

# At the root of the server, for Hub clients.
hub_urls = [
    path("api/collections", hub.collections, name="collections"),
    path(f"api/collections/{_slug}", hub.collection, name="collection"),
    path(f"api/collections/{_slug}/items", hub.items, name="collection-items"),
    path(
        f"api/collections/{_slug}/items/<str:item_id>", hub.item, name="collection-item"
    ),
    path(f"collections/{_slug}", hub.address, name="collection-address"),
]
