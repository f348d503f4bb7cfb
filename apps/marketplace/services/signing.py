"""Each revision is signed as it is made: which files it has, by their digests."""

from django.core.exceptions import ObjectDoesNotExist

from apps.core.sealing import OtherKeyError, seal, unseal
from apps.marketplace.formats import signatures
from apps.marketplace.models import ModelRevision, Signature, SigningKey

PURPOSE = b"model signatures"


def sign_revision(revision: ModelRevision) -> Signature:
    """Sign what was committed; the digests are those the bytes are stored under."""
    key, private_pem = _key()
    files = dict(revision.files.values_list("path", "sha256"))
    bundle = signatures.sign(
        files, name=revision.model.full_name, private_pem=private_pem
    )
    return Signature.objects.create(revision=revision, key=key, bundle=bundle)


def _key() -> tuple[SigningKey, str]:
    """Return the newest key; a new one where the server's secret is another now."""
    try:
        newest = SigningKey.objects.latest("pk")
        return newest, unseal(bytes(newest.sealed), purpose=PURPOSE)["pem"]
    except (ObjectDoesNotExist, OtherKeyError):
        private_pem, public_pem = signatures.new_key()
    made = SigningKey.objects.create(
        fingerprint=signatures.fingerprint(public_pem),
        public_pem=public_pem,
        sealed=seal({"pem": private_pem}, purpose=PURPOSE),
    )
    return made, private_pem
