"""What each long-running process is bolted to: clock, tasks, secrets, logs, databases, MQTT settings."""
