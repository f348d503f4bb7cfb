from django.urls import path

from apps.marketplace.feedback import api, views

_threads = "<str:namespace>/<str:name>/feedback/"
_thread = f"{_threads}<int:thread_id>/"

# /marketplace/
page_urls = [
    path("promise/", views.promise, name="promise"),
    path(_threads, views.threads, name="feedback"),
    path(_thread, views.thread, name="thread"),
]

# /api/v1/marketplace/
api_urls = [
    path(f"models/{_threads}", api.ThreadListApi.as_view(), name="thread-list"),
    path(f"models/{_thread}", api.ThreadApi.as_view(), name="thread"),
    path(
        f"models/{_thread}messages/",
        api.MessageListApi.as_view(),
        name="thread-messages",
    ),
]
