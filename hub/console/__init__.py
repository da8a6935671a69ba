"""The console: the HTTP API, the WebSocket and the ward board. Reads the journal, never writes it."""
