"""A page over HTTP that stays up to date: who may see it, and how news reach it. It knows no ledger."""
