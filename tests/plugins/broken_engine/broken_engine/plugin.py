"""Fails as a plugin does whose native library is missing."""

raise ImportError("libbroken.so.1: cannot open shared object file")
