"""Biomedical tickets: faults of devices and gateways, the work on them, and how long each was online."""
