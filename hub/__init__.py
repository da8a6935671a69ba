"""The hub: ingest, journal, registry, alarms, projections, console."""
