"""The cffi engine of langgraph_engine: the Rust core behind its C ABI, called through cffi.

``library`` loads the library and calls it, ``program`` and ``run`` are the engine's two objects, ``values``
keeps the values the library knows by number, ``messages`` writes and reads what passes. The format of the
messages is ``docs/wire-format.md`` of the project.
"""

from __future__ import annotations

from langgraph_engine_cffi.library import ABI_VERSION, abi_version

__all__ = ["ABI_VERSION", "abi_version"]
