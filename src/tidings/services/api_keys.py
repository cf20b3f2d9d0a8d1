"""The keys of applications: what this process knows of them follows the log."""

import asyncio

from tidings.auth.api_keys import ApiKey, ApiKeys
from tidings.domain.model import Event
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.api_keys import stored_keys


class ApiKeyService:
    """Loads the keys when the process starts, and again with each change."""

    def __init__(self, gateway: StoreGateway, keys: ApiKeys) -> None:
        self._gateway = gateway
        self._keys = keys
        self._loading: asyncio.Task[None] | None = None
        self._again = False

    async def load(self) -> None:
        """Learn which keys are valid."""
        found = await self._gateway.query(stored_keys())
        self._keys.replace(ApiKey(key.digest, key.name, key.grants) for key in found)

    def told(self, event: Event) -> None:
        """Load them beside the relay; once more if they change meanwhile."""
        self._again = True
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            while self._again:
                self._again = False
                await self.load()
        finally:
            self._loading = None
