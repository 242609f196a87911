"""The actors of roaming: the office serves peers, the registrar meets them, the roamer keeps them up to
date, the authorizer asks them.

Office and sender read the same stock, so that what is pushed and what is pulled never differ.
"""
