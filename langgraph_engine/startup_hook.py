"""Switches the engine on in programs that never mention langgraph_engine.

The wheel puts ``langgraph_engine_startup_hook.pth`` at the root of site-packages. Python runs its one
line at start-up; with ``LANGGRAPH_ENGINE`` unset it imports nothing, otherwise it calls ``arm``.

``arm`` watches imports below ``langgraph.``. Once ``langgraph.pregel.main`` has been imported, the
engine is installed as soon as the outermost of those imports is done: earlier, LangGraph's modules
are still half made. A failing install fails that import. In between, and after a failure a program
chose to ignore, the methods of ``Pregel`` are stand-ins that install first, or raise the same error:
a run never takes another engine than the one asked for.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["METHODS", "VARIABLE", "arm", "lifted", "state", "withdraw"]

VARIABLE: Final = "LANGGRAPH_ENGINE"
METHODS: Final = (
    "invoke",
    "ainvoke",
    "stream",
    "astream",
    "get_state",
    "aget_state",
    "get_state_history",
    "aget_state_history",
    "update_state",
    "aupdate_state",
    "bulk_update_state",
    "abulk_update_state",
)
"""The methods the engine replaces; a test compares them with ``langgraph_engine.pregel.METHODS``."""

_PREFIX: Final = "langgraph."
_PREGEL: Final = "langgraph.pregel.main"

_finder: _Finder | None = None
_installing = threading.Lock()
_stand_ins: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {}
"""Method name to its stand-in and the method it stands in for."""
_buried: set[Callable[..., Any]] = set()
"""Stand-ins that other code wrapped: what they stand in for is below them, not on the class."""


def arm() -> None:
    """Install the engine once LangGraph is imported; at once if it already is.

    Behavior:
        - Imports nothing but the standard library.
        - Called twice, it does nothing the second time.
        - With ``LANGGRAPH_ENGINE=langgraph`` it does nothing.
    """
    if os.environ.get(VARIABLE, "") in {"", "langgraph"} or _finder is not None:
        return
    _watch()
    if _PREGEL in sys.modules:
        _install()


def state() -> str:
    """Say in a few words what the hook has done in this process, for ``doctor``."""
    if _finder is None:
        return "not armed"
    return "waiting for LangGraph to be imported" if _finder in sys.meta_path else "done"


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """While an engine is installed: watch no imports, and have no stand-ins on ``Pregel``.

    Behavior:
        - Afterwards the hook has nothing left to do.
        - If the block raises, the hook is as it was, so that no run takes the stock methods.
    """
    watching = _finder is not None and _finder in sys.meta_path
    withdraw()
    try:
        yield
    except BaseException:
        if watching:
            _watch()
        raise


def withdraw() -> None:
    """Watch no more imports, and leave LangGraph's methods as they were."""
    if _finder is not None and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    module = sys.modules.get(_PREGEL)
    for name, (stand_in, original) in list(_stand_ins.items()):
        if module is not None and module.Pregel.__dict__.get(name) is stand_in:
            setattr(module.Pregel, name, original)
        else:
            _buried.add(stand_in)
    _stand_ins.clear()


def _watch() -> None:
    global _finder
    if _finder is None:
        _finder = _Finder()
    sys.meta_path.insert(0, _finder)
    if _PREGEL in sys.modules:
        _place_stand_ins(sys.modules[_PREGEL].Pregel)


def _install() -> None:
    from langgraph_engine.installation import install

    install()


def _install_unless_under_way() -> None:
    # Waiting here would hold this module's import lock, which the thread that installs may need.
    # Until that thread is done, the stand-ins see to it that every run waits for it.
    if _installing.acquire(blocking=False):
        try:
            _install()
        finally:
            _installing.release()


def _place_stand_ins(pregel: type) -> None:
    for name in METHODS:
        original = pregel.__dict__[name]
        stand_in = _stand_in(pregel, name, original)
        _stand_ins[name] = (stand_in, original)
        setattr(pregel, name, stand_in)


def _stand_in(pregel: type, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def install_first(self: object, *args: Any, **kwargs: Any) -> Any:
        if install_first in _buried:
            return original(self, *args, **kwargs)
        _install()
        return pregel.__dict__[name](self, *args, **kwargs)

    return install_first


class _Finder:
    """Finds nothing itself: wraps what the other finders find below ``langgraph.``."""

    def __init__(self) -> None:
        # Per thread: imports run side by side, each with a chain of its own.
        self.thread = threading.local()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(_PREFIX) or getattr(self.thread, "finding", None) == name:
            return None
        self.thread.finding = name
        try:
            spec = _ask_the_others(self, name, path, target)
        finally:
            self.thread.finding = None
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = cast("Loader", _Loader(self, cast("Loader", spec.loader)))
        return spec


def _ask_the_others(
    asking: _Finder, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if finder is not asking and hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


class _Loader:
    """Runs a module with its own loader, then steps out of sight and says that it is done."""

    def __init__(self, finder: _Finder, loader: Loader) -> None:
        self._finder = finder
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        thread = self._finder.thread
        thread.depth = getattr(thread, "depth", 0) + 1
        try:
            self._loader.exec_module(module)
            if module.__name__ == _PREGEL and self._finder in sys.meta_path:
                _place_stand_ins(module.Pregel)
        finally:
            thread.depth -= 1
        if thread.depth == 0 and _PREGEL in sys.modules and self._finder in sys.meta_path:
            _install_unless_under_way()
