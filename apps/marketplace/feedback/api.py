from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest, NewestFirst
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.models import STATE_CHOICES, Message, Thread
from apps.marketplace.feedback.types import State
from apps.marketplace.selectors import addressed_repository
from apps.marketplace.selectors.subjects import access_subject
from apps.marketplace.types import Subject


class MessageOut(serializers.ModelSerializer[Message]):
    author = serializers.EmailField(source="author.email", allow_null=True)

    class Meta:
        model = Message
        fields = ["id", "author", "text", "change", "value", "created_at"]


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


class _AboutModel(Api):
    def subject(self, request: ApiRequest, **names: Any) -> Subject:
        model = addressed_repository(user=request.user, **names)
        return selectors.subject_of(model)


class _AboutOther(Api):
    def subject(self, request: ApiRequest, **names: Any) -> Subject:
        return access_subject(user=request.user, **names)


class _Threads(Api):
    def listed(self, request: ApiRequest, subject: Subject) -> Response:
        found = selectors.list_threads(subject=subject)
        return self.paginate(request, found, ThreadOut)

    def begun(self, request: ApiRequest, subject: Subject) -> Response:
        given = ThreadIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.open_thread(
            user=request.user, subject=subject, **given.validated_data
        )
        return Response(ThreadOut(made).data, status.HTTP_201_CREATED)


class _Thread(Api):
    def changed(self, request: ApiRequest, thread: Thread) -> Response:
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


class _Messages(Api):
    pagination_class = OldestFirst

    def said(self, request: ApiRequest, thread: Thread) -> Response:
        return self.paginate(request, selectors.list_messages(thread), MessageOut)

    def written(self, request: ApiRequest, thread: Thread) -> Response:
        given = MessageIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.answer(user=request.user, thread=thread, **given.validated_data)
        return Response(MessageOut(made).data, status.HTTP_201_CREATED)


class ThreadListApi(_AboutModel, _Threads):
    @extend_schema(operation_id="thread_list", responses=ThreadOut(many=True))
    def get(self, request: ApiRequest, **names: Any) -> Response:
        return self.listed(request, self.subject(request, **names))

    @extend_schema(
        operation_id="thread_open", request=ThreadIn, responses={201: ThreadOut}
    )
    def post(self, request: ApiRequest, **names: Any) -> Response:
        return self.begun(request, self.subject(request, **names))


class ThreadApi(_AboutModel, _Thread):
    @extend_schema(operation_id="thread_read", responses=ThreadOut)
    def get(self, request: ApiRequest, *, thread_id: int, **names: Any) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=thread_id)
        return Response(ThreadOut(found).data)

    @extend_schema(
        operation_id="thread_change", request=ThreadChange, responses=ThreadOut
    )
    def patch(self, request: ApiRequest, *, thread_id: int, **names: Any) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=thread_id)
        return self.changed(request, found)


class MessageListApi(_AboutModel, _Messages):
    @extend_schema(operation_id="thread_messages", responses=MessageOut(many=True))
    def get(self, request: ApiRequest, *, thread_id: int, **names: Any) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=thread_id)
        return self.said(request, found)

    @extend_schema(
        operation_id="thread_answer", request=MessageIn, responses={201: MessageOut}
    )
    def post(self, request: ApiRequest, *, thread_id: int, **names: Any) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=thread_id)
        return self.written(request, found)


class SubjectThreadListApi(_AboutOther, _Threads):
    @extend_schema(operation_id="subject_thread_list", responses=ThreadOut(many=True))
    def get(self, request: ApiRequest, **names: Any) -> Response:
        return self.listed(request, self.subject(request, **names))

    @extend_schema(
        operation_id="subject_thread_open", request=ThreadIn, responses={201: ThreadOut}
    )
    def post(self, request: ApiRequest, **names: Any) -> Response:
        return self.begun(request, self.subject(request, **names))


class SubjectThreadApi(_AboutOther, _Thread):
    @extend_schema(operation_id="subject_thread_read", responses=ThreadOut)
    def get(
        self, request: ApiRequest, *, subject_thread_id: int, **names: Any
    ) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=subject_thread_id)
        return Response(ThreadOut(found).data)

    @extend_schema(
        operation_id="subject_thread_change", request=ThreadChange, responses=ThreadOut
    )
    def patch(
        self, request: ApiRequest, *, subject_thread_id: int, **names: Any
    ) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=subject_thread_id)
        return self.changed(request, found)


class SubjectMessageListApi(_AboutOther, _Messages):
    @extend_schema(
        operation_id="subject_thread_messages", responses=MessageOut(many=True)
    )
    def get(
        self, request: ApiRequest, *, subject_thread_id: int, **names: Any
    ) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=subject_thread_id)
        return self.said(request, found)

    @extend_schema(
        operation_id="subject_thread_answer",
        request=MessageIn,
        responses={201: MessageOut},
    )
    def post(
        self, request: ApiRequest, *, subject_thread_id: int, **names: Any
    ) -> Response:
        subject = self.subject(request, **names)
        found = selectors.access_thread(subject=subject, thread_id=subject_thread_id)
        return self.written(request, found)
