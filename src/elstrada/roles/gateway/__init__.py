"""The gateway: holds the stations' sockets and is the only writer of their streams."""
