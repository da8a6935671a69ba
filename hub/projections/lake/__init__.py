"""The data lake: entries of the journal as Parquet or JSON files by date and ward, each in there once."""
