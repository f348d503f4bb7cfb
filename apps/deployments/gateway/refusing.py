"""What the gateway says instead of an answer."""

from apps.deployments.gateway.replicas import Headers


class Refused(Exception):  # noqa: N818 -- an answer, not a fault
    def __init__(self, status: int, reason: str, headers: Headers = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers
