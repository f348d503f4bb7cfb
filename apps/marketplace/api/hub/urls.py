"""Where Hub clients knock: at the root of the server, without a slash at the end."""

from django.urls import path

from apps.marketplace.api.hub import access, download, lfs, reading, writing, xet
from apps.marketplace.api.hub.converters import REPO
from apps.marketplace.types import Kind
from apps.marketplace.views import addresses

_at = f"{REPO}/{{}}/<str:revision>"
_data = {"kind": Kind.DATASET}
_file = "<str:namespace>/<str:name>/resolve/<str:revision>/<path:path>"
_batch = "<str:namespace>/<str:name>.git/info/lfs/objects/batch"
_cas = "api/_cas/<int:namespace_id>/e<int:epoch>"
_data_page = "datasets/<str:namespace>/<str:name>"
_page = "<hub_owner:namespace>/<str:name>"
_ask = "<str:namespace>/<str:name>/ask-access"

urls = [
    path("api/whoami-v2", reading.whoami, name="whoami"),
    path("api/validate-yaml", writing.validate_yaml, name="validate-yaml"),
    path("api/repos/create", writing.create, name="create"),
    path("api/repos/delete", writing.delete, name="delete"),
    path("api/repos/move", writing.move, name="move"),
    path("api/<hub_kind:kind>", reading.listing, name="list"),
    path(REPO, reading.info, name="info"),
    path(_at.format("revision"), reading.info, name="info-at"),
    path(_at.format("tree"), reading.tree, name="tree"),
    path(f"{_at.format('tree')}/<path:path>", reading.tree, name="tree-in"),
    path(_at.format("paths-info"), reading.paths_info, name="paths-info"),
    path(f"{REPO}/refs", reading.refs, name="refs"),
    path(_at.format("commits"), reading.commits, name="commits"),
    path(f"{REPO}/auth-check", reading.auth_check, name="auth-check"),
    path(f"{REPO}/settings", writing.settings, name="settings"),
    path(_at.format("preupload"), writing.preupload, name="preupload"),
    path(_at.format("commit"), writing.commits, name="commit"),
    path(_at.format("tag"), writing.tag, name="tag"),
    path(_at.format("branch"), writing.branch, name="branch"),
    path(_at.format("xet-write-token"), xet.write_token, name="xet-write-token"),
    path(f"{REPO}/like", access.like, name="like"),
    path(f"{REPO}/user-access-request/handle", access.decide, name="decide"),
    path(f"{REPO}/user-access-request/<hub_state:status>", access.asked, name="asked"),
    path("api/_lfs/<str:ticket>", lfs.single, name="lfs-put"),
    path("api/_lfs/<str:ticket>/<int:number>", lfs.part, name="lfs-part"),
    path(f"{_cas}/v1/xorbs/default/<hub_hash:digest>", xet.xorb, name="xorb"),
    path(f"{_cas}/v1/shards", xet.shard, name="shard"),
    path(f"{_cas}/<path:rest>", xet.nothing, name="cas-other"),
    path(f"datasets/{_file}", download.resolve, _data, name="resolve-dataset"),
    path(_file, download.resolve, {"kind": Kind.MODEL}, name="resolve"),
    path(f"datasets/{_batch}", lfs.batch, _data, name="lfs-dataset"),
    path(_batch, lfs.batch, name="lfs"),
    path(f"datasets/{_ask}", access.ask, _data, name="ask-dataset"),
    path(_ask, access.ask, name="ask"),
    path(_data_page, addresses.dataset, name="dataset-address"),
    path(
        f"{_data_page}/commit/<str:revision>",
        addresses.dataset,
        name="dataset-commit-address",
    ),
    path(
        f"{_data_page}/tree/<path:path>", addresses.dataset, name="dataset-tree-address"
    ),
    path(
        f"{_data_page}/blob/<path:path>", addresses.dataset, name="dataset-blob-address"
    ),
    path(_page, addresses.repository, name="address"),
    path(f"{_page}/commit/<str:revision>", addresses.commit, name="commit-address"),
    path(f"{_page}/tree/<str:revision>", addresses.files, name="tree-address"),
    path(
        f"{_page}/tree/<str:revision>/<path:path>",
        addresses.files,
        name="tree-in-address",
    ),
    path(
        f"{_page}/blob/<str:revision>/<path:path>", addresses.files, name="blob-address"
    ),
    path(f"{_page}/discussions", addresses.discussions, name="discussions-address"),
]
