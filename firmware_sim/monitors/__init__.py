"""Simulated monitors, one module per protocol."""
