"""Lines: where the bytes of a simulated monitor go."""
