"""What the office does for each endpoint, one file per module.

Each file ends with its ``HANDLERS``: endpoint name to what serves it.
"""
