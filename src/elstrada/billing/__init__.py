"""Charge detail records and bill lines: made, checked and rated. Pure."""
