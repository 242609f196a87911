"""Memory: one log, views kept in the append's transaction, records, followers with durable cursors.

``face`` says what every spine can do; ``tables`` names what it keeps; ``views`` turns facts into rows.
"""
