"""Export: spans of the journal as files people open elsewhere, the same from the command line and over the API."""
