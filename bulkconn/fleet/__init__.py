"""The same engine as queued jobs on several workers: one ledger in PostgreSQL, one queue beside it.

A job is only a call to look at a shard. What is to be done stands in the ledger, and the ledger's fence,
not the queue, sees to it that nothing is done twice.
"""
