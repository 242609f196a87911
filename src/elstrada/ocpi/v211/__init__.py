"""OCPI 2.1.1 (documentation d2): wire structs, one file per module, with the standard's limits beside them.

What is the same in 2.2.1 is taken from there. Objects do not say whose they are: the address or the
peer's credentials do. A session or CDR names a contract (``auth_id``) and holds its location.
"""
