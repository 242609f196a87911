"""What a node measures of itself, in Prometheus's words. Numbers are gathered when they are asked for."""
