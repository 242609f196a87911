"""The wire log: every OCPP frame of both directions, redacted, for diagnosis. Bounded, apart from the facts, losable."""
