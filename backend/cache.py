"""The cache that counts attempts: shared by every process through Redis or Valkey, and never a way in.

What is cached is JSON (a pickle read back from a cache that someone else can write is code execution). When
the server does not answer, each process counts for itself: attempts stay limited and people can still log
in.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class JSONSerializer:
    """Stores plain values; whole numbers stay as they are, so that Redis can count them."""

    def dumps(self, obj: Any) -> int | bytes:
        """Return what is stored. Raises `TypeError` for anything that JSON cannot hold."""
        return obj if type(obj) is int else json.dumps(obj).encode()

    def loads(self, data: bytes) -> Any:
        """Return what was stored."""
        return json.loads(data)


class SharedOrLocalCache(RedisCache):
    """A Redis cache that falls back to this process' memory while Redis is away."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("relais-fallback", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def _either(self, method: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(), method)(*args, **kwargs)
        except RedisError as error:
            logger.warning("cache server unreachable (%s): counting in this process alone", type(error).__name__)
            return getattr(self._local, method)(*args, **kwargs)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self._either("add", key, value, timeout=timeout, version=version)

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._either("get", key, default=default, version=version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        self._either("set", key, value, timeout=timeout, version=version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self._either("touch", key, timeout=timeout, version=version)

    def delete(self, key: Any, version: Any = None) -> bool:
        return self._either("delete", key, version=version)

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return self._either("incr", key, delta=delta, version=version)

    def has_key(self, key: Any, version: Any = None) -> bool:
        return self._either("has_key", key, version=version)

    def clear(self) -> None:
        self._local.clear()
        self._either("clear")
