"""Bedside alarms: what a gateway does by itself while it does not hear the hub."""
