"""A bucket that is a container of Azure Blob Storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from storages.backends.azure_storage import AzureStorage

# The client's own patience is over a minute, in which nothing is told.
RETRY = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3)
TIMEOUT_S = 20


class AzureBucket(AzureStorage):  # type: ignore[misc]  # it has no types
    """django-storages' container, at any address: of a cloud apart, of an emulator."""

    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "account_url": ""}

    def _get_service_client(self) -> BlobServiceClient:
        credential = self.sas_token
        if self.account_key:
            credential = {
                "account_name": self.account_name,
                "account_key": self.account_key,
            }
        return BlobServiceClient(
            self.account_url,
            credential=credential,
            retry_policy=RETRY,
            connection_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
        )

    def found(self, folder: str) -> Iterator[tuple[str, int]]:
        with _as_os_errors():
            prefix = f"{folder}/" if folder else None
            for each in self.client.list_blobs(name_starts_with=prefix):
                yield each.name, each.size

    def copy(self, name: str, file: IO[bytes]) -> None:
        with _as_os_errors():
            self.client.download_blob(name).readinto(file)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except HttpResponseError as exc:
        # Below the first line are ids of the request and the answer's XML.
        raise OSError(exc.message.partition("\n")[0]) from exc
    except AzureError as exc:
        raise OSError(str(exc)) from exc
