"""The schema's history: each version is one file in `versions`, applied in order when the projection opens."""
