"""``python -m langgraph_engine`` is the ``langgraph-engine`` command."""

from __future__ import annotations

import sys

from langgraph_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
