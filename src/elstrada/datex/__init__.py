"""The language of open data: national registers and access points. Pure."""
