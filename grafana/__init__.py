"""Dashboards for Grafana, generated from the parameter catalogue and the rule sets."""
