from django.urls import path

from apps.jobs import api, views

# /
root_urls = [path("metrics", views.metrics, name="metrics")]

# /jobs/
page_urls = [
    path("", views.jobs, name="jobs"),
    path("drain/", views.drain, name="drain"),
    path("news/", views.news, name="news"),
    path("<uuid:job_id>/", views.job, name="job"),
    path("<uuid:job_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:job_id>/pause/", views.pause, name="pause"),
    path("<uuid:job_id>/resume/", views.resume, name="resume"),
    path("<uuid:job_id>/retry/", views.retry, name="retry"),
]

# /api/v1/jobs/
api_urls = [
    path("", api.JobListApi.as_view(), name="job-list"),
    path("workers/", api.WorkerListApi.as_view(), name="worker-list"),
    path("devices/", api.DeviceListApi.as_view(), name="device-list"),
    path("<uuid:job_id>/", api.JobApi.as_view(), name="job"),
    path("<uuid:job_id>/events/", api.JobEventListApi.as_view(), name="event-list"),
    path("<uuid:job_id>/cancel/", api.JobCancelApi.as_view(), name="cancel"),
    path("<uuid:job_id>/pause/", api.JobPauseApi.as_view(), name="pause"),
    path("<uuid:job_id>/resume/", api.JobResumeApi.as_view(), name="resume"),
    path("<uuid:job_id>/retry/", api.JobRetryApi.as_view(), name="retry"),
]
