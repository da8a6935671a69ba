"""Simulated bedside monitors, written from the protocol sheets alone."""
