"""The hub: passes requests on between parties that are connected to it, and to nobody else.

The switch takes what a party asks, the pure ``roaming.routing`` decides where it goes, the forwarder carries it
there and back, the copies keep what is told to all, and the journal says afterwards what became of it.
"""
