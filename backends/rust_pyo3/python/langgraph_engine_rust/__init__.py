"""The Rust engine of langgraph_engine: ``engine`` describes it, ``_native`` is it."""
