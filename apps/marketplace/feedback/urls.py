from django.urls import path

from apps.marketplace.api.hub.converters import REPO
from apps.marketplace.feedback import api, hub, views

_threads = "<str:namespace>/<str:name>/feedback/"
_thread = f"{_threads}<int:thread_id>/"
# About data and deployments.
_others = "feedback/<slug:kind>/<int:subject_id>/"
_other = f"{_others}<int:subject_thread_id>/"

# /marketplace/
page_urls = [
    path("promise/", views.promise, name="promise"),
    path(_others, views.subject_threads, name="subject-feedback"),
    path(_other, views.subject_thread, name="subject-thread"),
    path(_threads, views.threads, name="feedback"),
    path(_thread, views.thread, name="thread"),
]

# /api/v1/marketplace/
api_urls = [
    path(_others, api.SubjectThreadListApi.as_view(), name="subject-threads"),
    path(_other, api.SubjectThreadApi.as_view(), name="subject-thread"),
    path(
        f"{_other}messages/",
        api.SubjectMessageListApi.as_view(),
        name="subject-messages",
    ),
    path(f"models/{_threads}", api.ThreadListApi.as_view(), name="thread-list"),
    path(f"models/{_thread}", api.ThreadApi.as_view(), name="thread"),
    path(
        f"models/{_thread}messages/",
        api.MessageListApi.as_view(),
        name="thread-messages",
    ),
]

_discussions = f"{REPO}/discussions"
_discussion = f"{_discussions}/<int:num>"

# At the root of the server, for Hub clients.
hub_urls = [
    path(_discussions, hub.discussions, name="discussions"),
    path(_discussion, hub.discussion, name="discussion"),
    path(f"{_discussion}/comment", hub.comment, name="discussion-comment"),
    path(f"{_discussion}/status", hub.status, name="discussion-status"),
    path(
        "<hub_owner:namespace>/<str:name>/discussions/<int:num>",
        hub.address,
        name="discussion-address",
    ),
]
