"""Run by Alembic: applies the versions over the connection it is handed, or prints what it would say."""

from alembic import context

VERSION_TABLE = "wardline_schema"

if context.is_offline_mode():
    context.configure(
        dialect_name=context.config.attributes["dialect"],
        version_table=VERSION_TABLE,
        literal_binds=True,
        as_sql=True,
    )
else:
    context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)

with context.begin_transaction():
    context.run_migrations()
