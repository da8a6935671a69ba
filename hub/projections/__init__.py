"""Projections: durable cursors over the journal that copy it elsewhere and never hold it up."""

from hub.projections.run import run_projections

__all__ = ["run_projections"]
