"""Traces and metrics by OpenTelemetry, to whatever the `OTEL_*` variables name. Needs the extra `otel`."""
