"""A third-party engine as small as one can be: the python engine under another name."""
