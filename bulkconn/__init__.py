"""bulkconn: create Adobe Experience Platform base connections in bulk, each exactly once."""

__version__ = "0.1.0"
