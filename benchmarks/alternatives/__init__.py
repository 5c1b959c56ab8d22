"""What bulkconn is measured beside: the same rows, sent by other means. Run as `python -m`."""
