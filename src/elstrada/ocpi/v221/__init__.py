"""OCPI 2.2.1 (documentation d2): wire structs, one file per module, with the standard's limits beside them.

Field names are the wire's. Structs are permissive on read: no length limits, open enums are ``str``,
integers may carry a fraction of zero. ``translate`` leads to and from the model.
"""
