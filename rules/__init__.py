"""Pure alarm logic: rule documents in, alarm transitions out; no clock, no socket, no log."""
