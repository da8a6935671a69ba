"""The projection into PostgreSQL and MariaDB/MySQL: one row per value, alarm, device, state, ticket and score."""

import logging

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its own import, and of each look at the tables
