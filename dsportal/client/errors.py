"""What can go wrong, each with the next step in its message."""


class ClientError(Exception):
    """Something the person at the keyboard can do something about."""


class ServerDownError(ClientError):
    """Nobody answers, also after trying again."""


class TokenError(ClientError):
    """The token is unknown, has ended, or its scope is too narrow."""


class NotFoundError(ClientError):
    """There is no such thing, or it belongs to others."""


class RefusedError(ClientError):
    """The server said no.

    Attributes:
        code: The API's machine-readable name of the reason.
        status: The HTTP status.
    """

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code, self.status = code, status
