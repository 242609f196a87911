"""What is done to a database as a whole, whether a node runs on it or not: backup, restore, verify."""
