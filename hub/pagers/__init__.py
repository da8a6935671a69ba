"""The paging: alarm events from the journal become pages to people, until one of them answers."""
