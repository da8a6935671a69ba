"""The data sources of the dashboards, as Grafana's API and its provisioning files have them."""

from __future__ import annotations

from grafana.sources import METRICS, VITALS, Json


def influxdb(url: str, database: str, token: str) -> Json:
    """The InfluxDB the hub copies to, asked in InfluxQL; a token of the form user:password is for 1.x."""
    source: Json = {
        "name": "Wardline",
        "uid": VITALS["uid"],
        "type": VITALS["type"],
        "access": "proxy",
        "url": url,
        "isDefault": True,
        "jsonData": {"version": "InfluxQL", "dbName": database, "httpMode": "POST", "timeInterval": "5s"},
    }
    user, colon, password = token.partition(":")
    if colon:
        return source | {"user": user, "secureJsonData": {"password": password}}
    source["jsonData"]["httpHeaderName1"] = "Authorization"
    return source | {"secureJsonData": {"httpHeaderValue1": f"Token {token}"}}


def prometheus(url: str) -> Json:
    """The Prometheus that reads the pages of hub and gateways."""
    return {
        "name": "Wardline metrics",
        "uid": METRICS["uid"],
        "type": METRICS["type"],
        "access": "proxy",
        "url": url,
        "isDefault": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
    }
