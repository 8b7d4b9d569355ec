"""The host on libvirt: the only package that imports ``libvirt``."""

from __future__ import annotations

from .source import LibvirtSource

__all__ = ["LibvirtSource"]
