"""The section that says where Prometheus and people look in."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import HTTP, Section, key


class HttpSection(Section, frozen=True):
    """Where Prometheus and people look in."""

    bind: Annotated[
        str,
        key("Address of /metrics, /health and /ready.", 'Write "HOST:PORT".', pattern=HTTP),
    ] = "127.0.0.1:9477"
