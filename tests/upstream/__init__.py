"""LangGraph's own test suite, run on any engine. See ``run.py``."""
