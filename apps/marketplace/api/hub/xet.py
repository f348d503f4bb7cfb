"""The Xet side of an upload: a token, then xorbs and shards under an address of its own."""

import time

from django.core import signing
from django.http import HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError, TooLargeError
from apps.marketplace.api.hub.door import (
    BadTokenError,
    HubRequest,
    endpoint,
    hub,
    person,
    pieces,
    reads,
    repository,
)
from apps.marketplace.errors import BadXetError
from apps.marketplace.formats.xet import LARGEST_SHARD, read_shard
from apps.marketplace.models import Model
from apps.marketplace.services.repositories import check_writes
from apps.marketplace.services.xet import join_files, keep_xorb
from apps.marketplace.types import Kind

SALT = "hub-xet"
VALID_S = 3600


def _write_token(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    """Let a client send chunks for one repository; the revision does not matter here."""
    del revision
    model = repository(request, kind, namespace, name)
    _check_scope(request)
    check_writes(person(request), model)
    token = signing.dumps([model.pk, person(request).pk], salt=SALT)
    owner = model.namespace
    url = f"{endpoint(request)}/api/_cas/{owner.pk}/e{owner.epoch}"
    expires = int(time.time()) + VALID_S
    response = JsonResponse({"casUrl": url, "accessToken": token, "exp": expires})
    response["X-Xet-Cas-Url"] = url
    response["X-Xet-Access-Token"] = token
    response["X-Xet-Token-Expiration"] = str(expires)
    return response


def _check_scope(request: HubRequest) -> None:
    if request.scopes is None or "write" not in request.scopes:
        raise BadTokenError(
            _("an upload needs a token with the scope 'read and write'")
        )


def _sent_for(request: HubRequest, namespace_id: int) -> Model:
    _before, _between, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        model_id, _user_id = signing.loads(text, salt=SALT, max_age=VALID_S + 60)
    except signing.BadSignature as exc:
        raise BadTokenError(_("this Xet token is not known or has expired")) from exc
    model = Model.objects.select_related("namespace").get(pk=model_id)
    if model.namespace_id != namespace_id:
        raise BadTokenError(_("this Xet token is for another namespace"))
    return model


@reads
def _xorb(
    request: HubRequest, namespace_id: int, epoch: int, digest: str
) -> HttpResponseBase:
    model = _sent_for(request, namespace_id)
    _check_epoch(model, epoch)
    is_new = keep_xorb(namespace_id, digest, pieces(request))
    return JsonResponse({"was_inserted": is_new})


@reads
def _shard(request: HubRequest, namespace_id: int, epoch: int) -> HttpResponseBase:
    model = _sent_for(request, namespace_id)
    _check_epoch(model, epoch)
    data = bytearray()
    for piece in pieces(request):
        data += piece
        if len(data) > LARGEST_SHARD:
            raise TooLargeError(_("the shard is too large: upload fewer files at once"))
    join_files(model, read_shard(bytes(data)))
    return JsonResponse({"result": 1})


def _check_epoch(model: Model, epoch: int) -> None:
    if model.namespace.epoch != epoch:
        raise BadXetError(_("this address has been replaced: start the upload again"))


def _nothing(request: HubRequest, **_given: object) -> HttpResponseBase:  # noqa: ARG001 -- the answer is always this
    raise NotFoundError(_("this server answers no such question"))


write_token = hub(get=_write_token)
xorb = hub(signs_in=False, post=_xorb)
shard = hub(signs_in=False, post=_shard)
nothing = hub(signs_in=False, get=_nothing, post=reads(_nothing))
