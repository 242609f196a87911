"""Is everything in a database as it was once written? What a nightly job runs (F26).

Everything is read in one snapshot, so a running node is no hindrance and no cause of false alarm.
Memory is bounded whatever the size: what must be compared is sorted by the engine and walked through
in step, and the views are made again in a temporary file.
"""
