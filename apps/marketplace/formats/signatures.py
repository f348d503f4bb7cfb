"""Signatures over all files of a model, in the format of OpenSSF Model Signing.

An in-toto statement that names each file with its SHA-256, in a DSSE envelope, in a
Sigstore bundle, signed with an elliptic curve key; ``model_signing verify key`` takes
it. Nothing of Django is in here: the client reads signatures too.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
# What clients and git put beside a model's files.
IGNORED = (".cache", ".git", "model.sig")


class BadSignatureError(ValueError):
    """The signature is none, or is not of that key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How files differ from those that were signed."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unsigned: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.unsigned)


def new_key() -> tuple[str, str]:
    """Make a key; returns the private and the public half as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        _public_pem(private.public_key()).decode(),
    )


def fingerprint(public_pem: str) -> str:
    """Name a key by what a signature says of it: the SHA-256 of its PEM."""
    return hashlib.sha256(_public_pem(_public(public_pem))).hexdigest()


def sign(files: Mapping[str, str], *, name: str, private_pem: str) -> str:
    """Sign files, given as path to SHA-256 in hexadecimal digits.

    Returns:
        The bundle, as JSON.
    """
    private = serialization.load_pem_private_key(private_pem.encode(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise BadSignatureError("not an elliptic curve key")
    payload = json.dumps(_statement(files, name)).encode()
    signature = private.sign(_encoded(payload), ec.ECDSA(hashes.SHA256()))
    hint = hashlib.sha256(_public_pem(private.public_key())).hexdigest()
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle)


def read(bundle: str, *, public_pem: str) -> dict[str, str]:
    """Check a signature and return what it says: path to SHA-256.

    Raises:
        BadSignatureError: It is none, or is not of that key.
    """
    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
    except (ValueError, LookupError, TypeError) as exc:
        raise BadSignatureError("not a signature of a model") from exc
    try:
        _public(public_pem).verify(
            signature, _encoded(payload), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature as exc:
        raise BadSignatureError("the signature is not of this key") from exc
    return _files(payload)


def hash_folder(folder: Path) -> dict[str, str]:
    """Hash a model's files as they lie in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in IGNORED:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[name.as_posix()] = digest
    return found


def compare(signed: Mapping[str, str], found: Mapping[str, str]) -> Differences:
    both = signed.keys() & found.keys()
    return Differences(
        changed=tuple(sorted(path for path in both if signed[path] != found[path])),
        missing=tuple(sorted(signed.keys() - found.keys())),
        unsigned=tuple(sorted(found.keys() - signed.keys())),
    )


def _statement(files: Mapping[str, str], name: str) -> dict[str, Any]:
    paths = sorted(files, key=PurePosixPath)
    root = hashlib.sha256(b"".join(bytes.fromhex(files[path]) for path in paths))
    resources = [
        {"name": path, "algorithm": "sha256", "digest": files[path]} for path in paths
    ]
    told = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": list(IGNORED),
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": told, "resources": resources},
    }


def _files(payload: bytes) -> dict[str, str]:
    try:
        resources = json.loads(payload)["predicate"]["resources"]
        return {str(one["name"]): str(one["digest"]) for one in resources}
    except (ValueError, LookupError, TypeError) as exc:
        raise BadSignatureError("the signature is not over a model's files") from exc


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (
        len(PAYLOAD),
        PAYLOAD.encode(),
        len(payload),
        payload,
    )


def _public(pem: str) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError as exc:
        raise BadSignatureError("not a public key in PEM") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadSignatureError("not an elliptic curve key")
    return key


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
