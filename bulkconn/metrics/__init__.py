"""What a run or a worker does, as numbers for Prometheus and answers to probes. Needs the extra `metrics`."""
