"""The InfluxDB sink: line protocol over the v2 write endpoint, which 1.8, 2.x and 3 all serve."""
