"""ClickHouse's HTTP interface in front of the real engine, chDB: a server for tests.

Every query is run by the engine; what is written here is the way in and out. `python -m
tests.clickhouse_http --path DIR --port N` serves one folder; `tests.clickhouse` starts it.

What it does not do: users other than the one of the command line, roles, progress headers, data of
external tables, `compress` and `decompress`, and sessions that keep anything (a session only
refuses a second request at the same time).
"""
