"""The language of peers: OCPI without a socket. Requests and responses in, asks and answers out, and back.

One table of endpoints per version (``v221/endpoints.py``) drives both faces: ``server`` reads a
request and writes a response, ``client`` writes a request and reads a response. Bodies are read
permissively, validated explicitly (``findings``) and written exactly as the standard has them.
"""
