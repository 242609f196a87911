"""OCPI 2.3.0, core edition 2: what differs from 2.2.1, and ``language``, which says what is the same.

Structs are as permissive on read as those of 2.2.1; both editions are read, the second is written.
"""
