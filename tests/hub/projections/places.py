"""Places that readings are copied to, behind bad weather: what the suite of faults needs of each kind of sink."""

import http.client
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import msgspec

from hub.projections.sql.store import Store
from hub.settings import ProjectionSettings, SqlSettings
from tests.chaos.proxy import Proxy
from tests.fixtures_influx import Influx, find_binary, free_port
from tests.fixtures_sql import FULL, PASSWORD, new_mariadb, new_postgres
from vitals.durations import Duration


class Place(Protocol):
    """One store with a line to it that can be spoiled. A new sink joins the faults with one of these."""

    sink: str  # its name, as `wardline project status` says it
    proxy: Proxy  # between the projection and the store

    def settings(self, settings_for):
        """Hub settings that copy there, with timeouts of a second or two."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None:
        """As the power does."""

    def full(self, answer: int) -> None:
        """Have no room from now on, said with an HTTP status where the sink speaks HTTP; 0: there is room again."""

    def refused(self) -> dict:
        """What a record must say to be refused, once some have been stored: words for `ward.add`."""

    def stored(self) -> Counter:
        """How often each record is there, by (epoch, seq)."""

    def close(self) -> None: ...


class InfluxPlace:
    """influxd behind nginx, a door that can be full, and a bad network."""

    sink = "influxdb"

    def __init__(self, folder) -> None:
        folder.mkdir()
        self._server = Influx(find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), folder)
        self._server.start()
        self._server.create("vitals")
        self._door = Door(int(self._server.url.rpartition(":")[2]))
        self.proxy = Proxy(free_port(), self._door.port).start()

    def settings(self, settings_for):
        return settings_for(f"http://127.0.0.1:{self.proxy.port}", "vitals", batch=200)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def full(self, answer: int) -> None:
        self._door.full = answer

    def refused(self) -> dict:
        return {"values": {"epoch": 1.5}, "flags": {"hr": "no_sensor"}}  # a float where the first point had an integer

    def stored(self) -> Counter:
        series = self._server.query('SELECT "epoch", "seq" FROM "vitals"', "vitals")
        return Counter((epoch, seq) for one in series for _, epoch, seq in one["values"])

    def close(self) -> None:
        self.proxy.stop()
        self._door.close()
        self._server.stop()


class SqlPlace:
    """A PostgreSQL or a MariaDB, and a bad network."""

    sink = "sql"
    _SECRET = "WARDLINE_TEST_SQL"

    def __init__(self, running) -> None:
        self._block = running()
        self._server = self._block.__enter__()
        self._database = self._server.new_database()
        Store(self._database.url, PASSWORD, 5_000).migrate()
        self._full = False
        self.proxy = Proxy(free_port(), self._server.port).start()
        os.environ[self._SECRET] = PASSWORD

    def settings(self, settings_for):
        url = self._database.url.replace(f":{self._server.port}/", f":{self.proxy.port}/")
        sql = SqlSettings(url=url, password=f"env:{self._SECRET}", batch=200, timeout=Duration(1_000))
        return msgspec.structs.replace(settings_for("http://127.0.0.1"), projections=ProjectionSettings(sql=sql))

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def full(self, answer: int) -> None:
        if bool(answer) == self._full:
            return
        *begin, end = FULL[self._database.kind]
        for statement in begin if answer else [end]:
            self._database.query(statement)
        self._full = bool(answer)

    def refused(self) -> dict:
        return {"values": {"p" * 60: 1.5}}  # longer than a parameter can be

    def stored(self) -> Counter:
        asked = "SELECT epoch, seq FROM vital_values WHERE parameter = 'hr'"
        return Counter((epoch, seq) for epoch, seq in self._database.query(asked))

    def close(self) -> None:
        os.environ.pop(self._SECRET, None)
        self.proxy.stop()
        self._block.__exit__(None, None, None)


def postgres_place(_folder) -> SqlPlace:
    """A PostgreSQL."""
    return SqlPlace(new_postgres)


def mariadb_place(_folder) -> SqlPlace:
    """A MariaDB."""
    return SqlPlace(new_mariadb)


class Door:
    """An HTTP server that hands everything on, or says that there is no room: `full` is the status it says it with."""

    def __init__(self, target: int) -> None:
        self.full = 0
        self.turned_away = 0
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if door.full and self.command == "POST":
                    door.turned_away += 1
                    status, answer, kind = door.full, b'{"error":"write: no space left on device"}', "application/json"
                else:
                    status, answer, kind = self._hand_on(body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _hand_on(self, body):
                behind = http.client.HTTPConnection("127.0.0.1", target, timeout=10)
                try:
                    behind.request(self.command, self.path, body, dict(self.headers))
                    reply = behind.getresponse()
                    return reply.status, reply.read(), reply.headers.get("Content-Type", "application/json")
                except OSError:
                    return 502, b"<html>bad gateway</html>", "text/html"
                finally:
                    behind.close()

            do_GET = do_POST = _do  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Quiet(ThreadingHTTPServer):
    """Does not tell the world of clients that went away."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass
