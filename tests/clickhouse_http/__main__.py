"""Serve one folder until the process is ended."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.clickhouse_http.engine import Engine
from tests.clickhouse_http.server import Server


def main() -> None:
    """Read the command line, open the engine, then listen: who is answered finds it ready."""
    parser = argparse.ArgumentParser(prog="python -m tests.clickhouse_http", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="the folder of the data")
    parser.add_argument("--port", type=int, required=True, help="a TCP port of 127.0.0.1")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--certificate", type=Path, help="key and certificate (PEM): speak TLS")
    options = parser.parse_args()
    engine = Engine(options.path)
    server = Server(options.port, engine, options.user, options.password)
    if options.certificate is not None:
        server.speak_tls(options.certificate)
    server.serve_forever()


if __name__ == "__main__":
    main()
