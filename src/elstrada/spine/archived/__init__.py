"""Sealed months of the log as Parquet files, and how a reader goes on in them (decision 0011).

Only ``parquet`` knows the library, and loads it when the first file is opened.
"""
