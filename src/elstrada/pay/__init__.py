"""Payment service providers: who takes drivers' money, behind one face."""
