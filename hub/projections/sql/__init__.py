"""The projection into PostgreSQL and MariaDB/MySQL: one row per value, alarm, device, state, ticket and score."""
