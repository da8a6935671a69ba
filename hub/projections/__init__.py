"""Projections: durable cursors over the journal that copy it elsewhere and never hold it up."""
