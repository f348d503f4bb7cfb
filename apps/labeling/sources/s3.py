"""A bucket that speaks S3: Amazon's, Google's, MinIO's and others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage


class S3Bucket(S3Storage):  # type: ignore[misc]  # it has no types
    def found(self, folder: str) -> Iterator[tuple[str, int]]:
        with _as_os_errors():
            rows = self.bucket.objects.filter(Prefix=f"{folder}/" if folder else "")
            for each in rows:
                if not each.key.endswith("/"):
                    yield each.key, each.size

    def copy(self, name: str, file: IO[bytes]) -> None:
        with _as_os_errors():
            self.bucket.Object(name).download_fileobj(file)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        raise OSError(str(exc)) from exc
