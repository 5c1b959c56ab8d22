"""The simulation of a fleet: several workers over one shared ledger, on virtual time."""
