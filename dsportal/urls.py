from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.accounts import urls as accounts
from apps.core import urls as core
from apps.deployments import urls as deployments
from apps.diagnostics import urls as diagnostics
from apps.diagnostics.transfer import urls as transfer
from apps.jobs import urls as jobs
from apps.labeling import urls as labeling
from apps.marketplace import urls as marketplace
from apps.training import urls as training
from dsportal.schema import SchemaApi

APPS = {
    "labeling": labeling,
    "training": training,
    "marketplace": marketplace,
    "deployments": deployments,
    "diagnostics": diagnostics,
    "jobs": jobs,
}

urlpatterns = [
    path("", include((core.page_urls, "core"))),
    path("", include((labeling.home_urls, "home"))),
    path("", include((jobs.root_urls, "monitoring"))),
    path("accounts/", include("allauth.urls")),
    path("settings/", include((accounts.page_urls, "accounts"))),
    path("api/v1/accounts/", include((accounts.api_urls, "accounts-api"))),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/schema/", SchemaApi.as_view(), name="schema"),
    # A page of models that needs what stands above them: data.
    path("marketplace/by-images/", include((transfer.page_urls, "by-images"))),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(), name="api-docs"),
]
for name, urls in APPS.items():
    urlpatterns += [
        path(f"{name}/", include((urls.page_urls, name))),
        path(f"api/v1/{name}/", include((urls.api_urls, f"{name}-api"))),
    ]
# Last: its addresses begin with any namespace.
urlpatterns.append(path("", include((marketplace.hub_urls, "hub"))))

handler400 = "apps.core.views.bad_request"
handler403 = "apps.core.views.permission_denied"
handler404 = "apps.core.views.page_not_found"
handler500 = "apps.core.views.server_error"
