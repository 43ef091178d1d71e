"""The C ABI of langgraph-engine, called through cffi.

The library's functions are declared in ``langgraph_engine.h``. This version carries no engine yet: it
registers nothing, so ``LANGGRAPH_ENGINE=cffi`` is refused rather than taken for another engine.
"""

from __future__ import annotations

from langgraph_engine_cffi.library import ABI_VERSION, abi_version

__all__ = ["ABI_VERSION", "abi_version"]
