"""Node-RED doing the same: MQTT in, a limit, MQTT out, and the store by HTTP, per message or in batches by hand.

The batches are what an experienced author would build: lines are collected and written each 500 lines or 100 ms.
They live in memory only: what is collected is lost with the process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

VERSION = "4.1"  # the newest that runs on Debian's neighbours of Node 18 to 20
BATCH_LINES = 500
BATCH_S = 0.1

_JUDGE = """
const r = msg.payload, v = r.values;
const fields = Object.keys(v).map(k => k + '=' + v[k]).join(',');
const line = { payload: 'vitals,ward=' + r.ward + ',bed=' + r.bed + ' ' + fields + ' ' + r.time };
const alarm = v.icp > 100 ? { topic: 'alarms/' + r.ward + '/' + r.bed, payload: { icp: v.icp } } : null;
return [alarm, line];
"""
_HEAD = """
msg.url = %s; msg.method = 'POST'; msg.headers = { Authorization: %s };
if (Array.isArray(msg.payload)) { msg.payload = msg.payload.join('\\n'); }
return msg;
"""


def install(folder: Path) -> Path | None:
    """Node-RED in `folder`, from npm; None where there is no npm."""
    red = folder / "node_modules/node-red/red.js"
    if red.exists():
        return red
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text("{}")
    words = [npm, "install", "--no-audit", "--no-fund", "--silent", f"node-red@{VERSION}"]
    subprocess.run(words, cwd=folder, check=True, timeout=600)
    return red


def start(
    red: Path, folder: Path, port: int, ui_port: int, url: str, token: str, *, batched: bool
) -> subprocess.Popen[bytes]:
    """One Node-RED with the flow."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flows.json").write_text(json.dumps(_flows(port, url, token, batched=batched)))
    (folder / "settings.js").write_text(
        f"module.exports = {{ uiPort: {ui_port}, uiHost: '127.0.0.1', httpAdminRoot: false, flowFile: 'flows.json',"
        " credentialSecret: false, logging: { console: { level: 'error', metrics: false, audit: false } },"
        " editorTheme: { tours: false } };"
    )
    environment = {**os.environ, "HOME": str(folder), "NODE_ENV": "production"}
    words = ["node", str(red), "--userDir", str(folder), "--settings", str(folder / "settings.js")]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)


def _flows(port: int, url: str, token: str, *, batched: bool) -> list[dict[str, object]]:
    def node(id_: str, type_: str, wires: list[list[str]], **fields: object) -> dict[str, object]:
        return {"id": id_, "type": type_, "z": "tab", "name": "", "wires": wires, **fields}

    write = f"{url}&precision=ms"
    head = _HEAD % (json.dumps(write), json.dumps(f"Token {token}"))
    flow = [
        {"id": "tab", "type": "tab", "label": "ward"},
        {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": str(port),
            "clientid": "node-red",
            "autoConnect": True,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": True,
        },
        node("in", "mqtt in", [["judge"]], topic="beds/+/+/vitals", qos="1", datatype="json", broker="broker"),
        node("judge", "function", [["out"], ["batch" if batched else "head"]], func=_JUDGE, outputs=2),
        node("out", "mqtt out", [], topic="", qos="1", retain="false", broker="broker"),
        node("head", "function", [["http"]], func=head, outputs=1),
        node("http", "http request", [[]], method="use", ret="txt", paytoqs="ignore", persist=True),
    ]
    if batched:
        flow.append(
            node(
                "batch",
                "join",
                [["head"]],
                mode="custom",
                build="array",
                property="payload",
                propertyType="msg",
                key="topic",
                count=str(BATCH_LINES),
                timeout=str(BATCH_S),
                timeoutRestart=False,
                accumulate=False,
                joiner="\\n",
                joinerType="str",
            )
        )
    return flow
