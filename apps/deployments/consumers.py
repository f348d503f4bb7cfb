from typing import Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.core.errors import NotFoundError
from apps.deployments import selectors
from apps.deployments.events import group

NOT_SIGNED_IN, NOT_FOUND = 4401, 4404


class EndpointConsumer(AsyncJsonWebsocketConsumer):
    """Says that an endpoint changed; what it is now, the page asks for itself.

    So a poke that is lost, doubled or late changes nothing that an occasional look
    does not mend. Accepts nothing from the browser.
    """

    group = ""

    async def connect(self) -> None:
        # A close before the handshake reaches browsers as a plain 1006.
        await self.accept()
        user: Any = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        endpoint_id = cast("int", self.scope["url_route"]["kwargs"]["endpoint_id"])
        try:
            await database_sync_to_async(selectors.access_endpoint)(
                user=user, endpoint_id=endpoint_id
            )
        except NotFoundError:
            await self.close(NOT_FOUND)
            return
        self.group = group(endpoint_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send_json({"type": "watching"})

    async def receive(
        self,
        text_data: str | None = None,
        bytes_data: bytes | None = None,
        **kwargs: Any,
    ) -> None:
        """Take nothing from the browser, however it is formed."""

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def forward_event(self, message: dict[str, Any]) -> None:
        await self.send_json(message["payload"])
