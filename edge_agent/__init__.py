"""The gateway agent: sources, drivers, stamp, spool, publisher."""
