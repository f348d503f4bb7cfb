from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest, NewestFirst
from apps.marketplace import selectors as models
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.models import STATE_CHOICES, Message, Thread
from apps.marketplace.feedback.types import State
from apps.marketplace.models import Model


class MessageOut(serializers.ModelSerializer[Message]):
    author = serializers.EmailField(source="author.email", allow_null=True)

    class Meta:
        model = Message
        fields = ["id", "author", "text", "created_at"]


class ThreadOut(serializers.ModelSerializer[Thread]):
    author = serializers.EmailField(source="author.email", allow_null=True)
    assignee = serializers.EmailField(source="assignee.email", allow_null=True)
    is_late = serializers.BooleanField()

    class Meta:
        model = Thread
        fields = [
            "id", "title", "about", "state", "author", "assignee", "num_messages",
            "created_at", "updated_at", "answer_due_at", "answered_at", "is_late",
        ]  # fmt: skip


class ThreadIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=services.MAX_CHARS)
    about = serializers.CharField(max_length=120, required=False, default="")


class ThreadChange(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=STATE_CHOICES, required=False)
    assignee_id = serializers.IntegerField(required=False, allow_null=True)


class MessageIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=services.MAX_CHARS)


class OldestFirst(NewestFirst):
    ordering = "pk"


class ThreadListApi(Api):
    @extend_schema(operation_id="thread_list", responses=ThreadOut(many=True))
    def get(self, request: ApiRequest, namespace: str, name: str) -> Response:
        found = selectors.list_threads(model=_model(request, namespace, name))
        return self.paginate(request, found, ThreadOut)

    @extend_schema(
        operation_id="thread_open", request=ThreadIn, responses={201: ThreadOut}
    )
    def post(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = _model(request, namespace, name)
        given = ThreadIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.open_thread(
            user=request.user, model=model, **given.validated_data
        )
        return Response(ThreadOut(made).data, status.HTTP_201_CREATED)


class ThreadApi(Api):
    @extend_schema(operation_id="thread_read", responses=ThreadOut)
    def get(
        self, request: ApiRequest, namespace: str, name: str, thread_id: int
    ) -> Response:
        return Response(ThreadOut(_thread(request, namespace, name, thread_id)).data)

    @extend_schema(
        operation_id="thread_change", request=ThreadChange, responses=ThreadOut
    )
    def patch(
        self, request: ApiRequest, namespace: str, name: str, thread_id: int
    ) -> Response:
        thread = _thread(request, namespace, name, thread_id)
        body = ThreadChange(data=request.data)
        body.is_valid(raise_exception=True)
        given, user = body.validated_data, request.user
        with transaction.atomic():
            if "state" in given:
                state = State(given["state"])
                thread = services.set_state(user=user, thread=thread, state=state)
            if "assignee_id" in given:
                chosen = given["assignee_id"]
                thread = services.assign(user=user, thread=thread, assignee_id=chosen)
        return Response(ThreadOut(thread).data)


class MessageListApi(Api):
    pagination_class = OldestFirst

    @extend_schema(operation_id="thread_messages", responses=MessageOut(many=True))
    def get(
        self, request: ApiRequest, namespace: str, name: str, thread_id: int
    ) -> Response:
        thread = _thread(request, namespace, name, thread_id)
        return self.paginate(request, selectors.list_messages(thread), MessageOut)

    @extend_schema(
        operation_id="thread_answer", request=MessageIn, responses={201: MessageOut}
    )
    def post(
        self, request: ApiRequest, namespace: str, name: str, thread_id: int
    ) -> Response:
        thread = _thread(request, namespace, name, thread_id)
        given = MessageIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.answer(user=request.user, thread=thread, **given.validated_data)
        return Response(MessageOut(made).data, status.HTTP_201_CREATED)


def _model(request: ApiRequest, namespace: str, name: str) -> Model:
    return models.access_repository(user=request.user, namespace=namespace, name=name)


def _thread(request: ApiRequest, namespace: str, name: str, thread_id: int) -> Thread:
    model = _model(request, namespace, name)
    return selectors.access_thread(model=model, thread_id=thread_id)
