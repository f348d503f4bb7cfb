from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.http import Api, ApiRequest, NewestFirst
from apps.marketplace.collections import selectors, services
from apps.marketplace.collections.models import MAX_TEXT, MAX_TITLE, Collection, Item
from apps.marketplace.models import Model
from apps.marketplace.selectors import access_repository
from apps.marketplace.services.namespaces import namespace_of
from apps.marketplace.services.repositories import restore_repository
from apps.marketplace.types import NAME, Kind


class CollectionOut(serializers.ModelSerializer[Collection]):
    namespace = serializers.CharField(source="namespace.name")
    slug = serializers.CharField()

    class Meta:
        model = Collection
        fields = [
            "id", "slug", "namespace", "title", "description", "created_at", "updated_at",
        ]  # fmt: skip


class ItemOut(serializers.ModelSerializer[Item]):
    model = serializers.CharField(source="model.full_name")
    kind = serializers.CharField(source="model.kind")
    summary = serializers.CharField(source="model.summary")

    class Meta:
        model = Item
        fields = ["id", "position", "model", "kind", "summary", "note"]


class DeletedRepositoryOut(serializers.ModelSerializer[Model]):
    full_name = serializers.CharField()
    undo_until = serializers.DateTimeField(help_text="After this it is purged.")

    class Meta:
        model = Model
        fields = [
            "id",
            "full_name",
            "kind",
            "num_bytes_new",
            "deleted_at",
            "undo_until",
        ]


class DeletedCollectionOut(serializers.ModelSerializer[Collection]):
    slug = serializers.CharField()
    namespace = serializers.CharField(source="namespace.name")
    undo_until = serializers.DateTimeField(help_text="After this it is purged.")

    class Meta:
        model = Collection
        fields = ["id", "slug", "namespace", "title", "deleted_at", "undo_until"]


class RestoredRepositoryOut(serializers.ModelSerializer[Model]):
    full_name = serializers.CharField()

    class Meta:
        model = Model
        fields = ["id", "full_name", "kind"]


class CollectionIn(serializers.Serializer[Any]):
    workspace_id = serializers.IntegerField()
    title = serializers.CharField(max_length=MAX_TITLE)
    description = serializers.CharField(
        max_length=MAX_TEXT, required=False, default="", allow_blank=True
    )


class CollectionChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=MAX_TITLE, required=False)
    description = serializers.CharField(
        max_length=MAX_TEXT, required=False, allow_blank=True
    )


class ItemIn(serializers.Serializer[Any]):
    model = serializers.RegexField(
        rf"^{NAME}/{NAME}$", help_text="namespace/name", max_length=200
    )
    kind = serializers.ChoiceField(choices=list(Kind), default=Kind.MODEL.value)
    note = serializers.CharField(
        max_length=MAX_TEXT, required=False, default="", allow_blank=True
    )


class ItemChange(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=MAX_TEXT, required=False, allow_blank=True)
    position = serializers.IntegerField(required=False, min_value=0)


class NewestChanged(NewestFirst):
    ordering = ("-updated_at", "-pk")


class LastDeleted(NewestFirst):
    ordering = ("-deleted_at", "-pk")


class InOrder(NewestFirst):
    ordering = ("position", "pk")


class CollectionListApi(Api):
    pagination_class = NewestChanged

    @extend_schema(operation_id="collection_list", responses=CollectionOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        found = selectors.list_collections(user=request.user)
        return self.paginate(request, found, CollectionOut)

    @extend_schema(
        operation_id="collection_create",
        request=CollectionIn,
        responses={201: CollectionOut},
    )
    def post(self, request: ApiRequest) -> Response:
        body = CollectionIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        namespace = namespace_of(
            user=request.user,
            workspace_id=given.pop("workspace_id"),
            needs=Role.ANNOTATOR,
        )
        made = services.create_collection(
            user=request.user, namespace=namespace, **given
        )
        return Response(CollectionOut(made).data, status.HTTP_201_CREATED)


class CollectionApi(Api):
    @extend_schema(operation_id="collection_read", responses=CollectionOut)
    def get(self, request: ApiRequest, collection_id: int) -> Response:
        return Response(CollectionOut(_collection(request, collection_id)).data)

    @extend_schema(
        operation_id="collection_change",
        request=CollectionChange,
        responses=CollectionOut,
    )
    def patch(self, request: ApiRequest, collection_id: int) -> Response:
        found = _collection(request, collection_id)
        body = CollectionChange(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_collection(
            user=request.user, collection=found, **body.validated_data
        )
        return Response(CollectionOut(changed).data)

    @extend_schema(operation_id="collection_delete", responses={204: None})
    def delete(self, request: ApiRequest, collection_id: int) -> Response:
        found = _collection(request, collection_id)
        services.delete_collection(user=request.user, collection=found)
        return Response(status=status.HTTP_204_NO_CONTENT)


class _DeletedApi(Api):
    pagination_class = LastDeleted
    listed: ClassVar[Callable[..., QuerySet[Any]]]
    out: ClassVar[type[serializers.ModelSerializer[Any]]]

    def get(self, request: ApiRequest) -> Response:
        return self.paginate(request, self.listed(user=request.user), self.out)


class _RestoreApi(Api):
    restored: ClassVar[Callable[..., Any]]
    out: ClassVar[type[serializers.ModelSerializer[Any]]]

    def post(self, request: ApiRequest, **id_: int) -> Response:
        return Response(self.out(self.restored(user=request.user, **id_)).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="trash_repositories",
        summary="Deleted repositories that you can bring back, and until when.",
        responses=DeletedRepositoryOut(many=True),
    )
)
class DeletedRepositoriesApi(_DeletedApi):
    listed = staticmethod(selectors.list_deleted_repositories)
    out = DeletedRepositoryOut


@extend_schema_view(
    get=extend_schema(
        operation_id="trash_collections",
        summary="Deleted collections that you can bring back, and until when.",
        responses=DeletedCollectionOut(many=True),
    )
)
class DeletedCollectionsApi(_DeletedApi):
    listed = staticmethod(selectors.list_deleted_collections)
    out = DeletedCollectionOut


@extend_schema_view(
    post=extend_schema(
        operation_id="trash_restore_repository",
        request=None,
        responses=RestoredRepositoryOut,
    )
)
class RestoreRepositoryApi(_RestoreApi):
    restored = staticmethod(restore_repository)
    out = RestoredRepositoryOut


@extend_schema_view(
    post=extend_schema(
        operation_id="trash_restore_collection", request=None, responses=CollectionOut
    )
)
class RestoreCollectionApi(_RestoreApi):
    restored = staticmethod(services.restore_collection)
    out = CollectionOut


class ItemListApi(Api):
    pagination_class = InOrder

    @extend_schema(operation_id="collection_items", responses=ItemOut(many=True))
    def get(self, request: ApiRequest, collection_id: int) -> Response:
        found = _collection(request, collection_id)
        rows = selectors.list_items(found, user=request.user)
        return self.paginate(request, rows, ItemOut)

    @extend_schema(
        operation_id="collection_add", request=ItemIn, responses={201: ItemOut}
    )
    def post(self, request: ApiRequest, collection_id: int) -> Response:
        found = _collection(request, collection_id)
        body = ItemIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        namespace, _between, name = given["model"].partition("/")
        model = access_repository(
            user=request.user, namespace=namespace, name=name, kind=Kind(given["kind"])
        )
        made = services.add_item(
            user=request.user, collection=found, model=model, note=given["note"]
        )
        return Response(ItemOut(made).data, status.HTTP_201_CREATED)


class ItemApi(Api):
    @extend_schema(
        operation_id="collection_item_change", request=ItemChange, responses=ItemOut
    )
    def patch(self, request: ApiRequest, collection_id: int, item_id: int) -> Response:
        found = _collection(request, collection_id)
        item = selectors.access_item(found, user=request.user, item_id=item_id)
        body = ItemChange(data=request.data)
        body.is_valid(raise_exception=True)
        services.change_item(user=request.user, item=item, **body.validated_data)
        item.refresh_from_db(fields=["note", "position"])
        return Response(ItemOut(item).data)

    @extend_schema(operation_id="collection_remove", responses={204: None})
    def delete(self, request: ApiRequest, collection_id: int, item_id: int) -> Response:
        found = _collection(request, collection_id)
        item = selectors.access_item(found, user=request.user, item_id=item_id)
        services.remove_item(user=request.user, item=item)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _collection(request: ApiRequest, collection_id: int) -> Collection:
    return selectors.access_collection(user=request.user, collection_id=collection_id)
