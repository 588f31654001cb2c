"""The compressions of bodies, both ways."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from tests.clickhouse_http.errors import NOT_IMPLEMENTED, QueryError

OFFERED = ("zstd", "lz4", "gzip", "deflate")
"""Encodings of answers, those that ClickHouse likes most first."""


class Encoder(Protocol):
    """Compresses one body. What `encode` returns can be read without what comes later."""

    def encode(self, data: bytes) -> bytes:
        """Return some data, compressed."""
        ...

    def end(self) -> bytes:
        """Return what ends the body."""
        ...


class _Plain:
    def encode(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Zstd:
    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()

    def encode(self, data: bytes) -> bytes:
        compressed = self._compressor.compress(data)
        return compressed + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._compressor.flush()


class _Lz4:
    def __init__(self) -> None:
        self._compressor = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._head: bytes = self._compressor.begin()

    def encode(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._compressor.compress(data))

    def end(self) -> bytes:
        return self._head + bytes(self._compressor.flush())


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._compressor = zlib.compressobj(level=1, wbits=wbits)

    def encode(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._compressor.flush()


def encoder(encoding: str) -> Encoder:
    """Return the compressor of one of `OFFERED`; of "", one that leaves the body as it is."""
    if encoding == "zstd":
        return _Zstd()
    if encoding == "lz4":
        return _Lz4()
    if encoding in ("gzip", "deflate"):
        return _Zlib(31 if encoding == "gzip" else 15)
    return _Plain()


def decode(body: bytes, encoding: str) -> bytes:
    """Return the body of a request as it was before compression.

    Raises QueryError for an encoding that is not one of `OFFERED`.
    """
    if encoding in ("", "identity"):
        return body
    if encoding == "zstd":
        return _frames(body, zstandard.ZstdDecompressor().decompressobj)
    if encoding == "lz4":
        return _frames(body, lz4.frame.LZ4FrameDecompressor)
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "deflate":
        return zlib.decompress(body)
    words = f"Unknown compression method '{encoding}'."
    raise QueryError.named(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", words)


def _frames(body: bytes, decompressor: Callable[[], Any]) -> bytes:
    """Decompress frame after frame: the driver makes one of each block of rows."""
    whole = b""
    while body:
        one = decompressor()
        whole += one.decompress(body)
        body = one.unused_data or b""
    return whole
