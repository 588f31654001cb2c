"""What a Redis says of itself, and whether asynq can rely on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asynqhub_tui import figures
from asynqhub_tui.asynq.connection import RedisConnection
from asynqhub_tui.checkup import Finding, Subject
from asynqhub_tui.repository import Refused

REDIS = Subject("redis")

Info = Mapping[str, str]
"""What INFO answers, by name."""

_OLDEST = (4, 0)
"""What asynq v0.25.1 asks for in its README."""

_NEARLY_FULL = 0.9
"""The share of a limit from which it is worth a warning."""


async def read_info(connection: RedisConnection) -> Info:
    """Ask the server about itself. Raises Refused where this user may not."""
    text = (await connection.call("INFO")).decode(errors="replace")
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, mark, value in lines if mark}


def version(info: Info) -> Sequence[Finding]:
    """Judge the version, and what kind of server it is."""
    valkey = info.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {info.get('redis_version', '?')}"
    if info.get("cluster_enabled") == "1":
        return [
            REDIS.problem(
                "cluster",
                f"{name} is a node of a Redis Cluster, which asynq's addresses have no form for.",
                "Queues lie on different nodes, and one address reaches those of one node only.",
            )
        ]
    numbers = info.get("redis_version", "").split(".")[:2]
    known = all(number.isdigit() for number in numbers) and len(numbers) == 2
    if known and tuple(map(int, numbers)) < _OLDEST:
        return [
            REDIS.problem(
                "version",
                f"{name} is too old: asynq needs {'.'.join(map(str, _OLDEST))} or newer.",
            )
        ]
    return [REDIS.ok("version", f"{name}.")]


def role(info: Info) -> Sequence[Finding]:
    """Judge whether it is the one that takes writes."""
    if info.get("role") not in ("slave", "replica"):
        return [REDIS.ok("role", "It is a master, and takes writes.")]
    master = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
    lost = info.get("master_link_status") == "down"
    return [
        REDIS.problem(
            "role",
            "This Redis is a replica: it takes no writes, and nothing can be retried on it.",
            f"Its master is {master}"
            + (", and the link to it is down: what it shows is old." if lost else ".")
            + " Set REDIS_ADDR as the hub has it, or name the sentinels, which know the master.",
        )
    ]


def memory(info: Info) -> Sequence[Finding]:
    """Judge the limit of memory: near it writes fail, or keys are thrown away."""
    limit, used = _number(info, "maxmemory"), _number(info, "used_memory")
    policy, evicted = info.get("maxmemory_policy", "noeviction"), _number(info, "evicted_keys")
    found = []
    if limit and policy != "noeviction":
        make = REDIS.problem if evicted else REDIS.warning
        kept = (
            "Tasks have no time to live and are spared; uniqueness locks, the heartbeats of servers"
            " and the claims of retries have one."
            if policy.startswith("volatile-")
            else "These may be tasks, which then never run, or what keeps one from running twice."
        )
        found.append(
            make(
                "eviction",
                f"Redis throws keys away when its memory is full: maxmemory-policy is {policy}.",
                f"asynq needs noeviction. {figures.number(evicted)} keys were thrown away since its"
                f" start. {kept}",
                "CONFIG SET maxmemory-policy noeviction",
            )
        )
    if limit and used >= _NEARLY_FULL * limit:
        make = REDIS.problem if used >= limit and policy == "noeviction" else REDIS.warning
        found.append(
            make(
                "memory",
                f"Redis uses {100 * used / limit:.0f} % of the memory that it may.",
                f"{figures.size(used)} of {figures.size(limit)} (maxmemory). When it is full, the"
                " hub cannot enqueue, and workers cannot report to asynq.",
            )
        )
    of = f" of {figures.size(limit)}" if limit else ", without a limit"
    return found or [REDIS.ok("memory", f"It uses {figures.size(used)}{of}, and evicts nothing.")]


def clients(info: Info) -> Sequence[Finding]:
    """Judge whether there is room for connections."""
    rejected, limit = _number(info, "rejected_connections"), _number(info, "maxclients")
    connected = _number(info, "connected_clients")
    if limit and connected >= _NEARLY_FULL * limit:
        return [
            REDIS.warning(
                "clients",
                f"Nearly all connections are taken: {connected:,} of {limit:,} (maxclients).",
                f"{rejected:,} were turned away since its start.",
            )
        ]
    if rejected:
        return [
            REDIS.note(
                "clients",
                f"{rejected:,} connections were turned away since the start of Redis.",
                f"Now {connected:,} of {limit:,} are taken (maxclients).",
            )
        ]
    return []


async def persistence(connection: RedisConnection, info: Info) -> Sequence[Finding]:
    """Judge what is left of the tasks after a restart."""
    if info.get("role") in ("slave", "replica"):
        return []
    for name, what in (
        ("rdb_last_bgsave_status", "snapshot (RDB)"),
        ("aof_last_write_status", "write to its log (AOF)"),
    ):
        if info.get(name, "ok") != "ok":
            return [
                REDIS.problem(
                    "persistence",
                    f"The last {what} of Redis failed.",
                    "It then takes no writes, unless stop-writes-on-bgsave-error is off. Look into"
                    " its log, and at the room on its disk.",
                )
            ]
    if info.get("aof_enabled") == "1":
        return [REDIS.ok("persistence", "It keeps a log of every write (AOF).")]
    try:
        reply = await connection.call("CONFIG", "GET", "save")
    except Refused:
        return [
            REDIS.note(
                "persistence",
                "Redis keeps no log of its writes (AOF); whether it saves snapshots is not known.",
                "This user may not ask (CONFIG GET save). Without snapshots a restart loses all"
                " tasks that wait.",
            )
        ]
    if len(reply) > 1 and reply[1]:
        return [
            REDIS.note(
                "persistence",
                "Redis saves snapshots only: a crash loses the tasks since the last one.",
                f"It saves after seconds and changes: {reply[1].decode(errors='replace')}.",
                "CONFIG SET appendonly yes",
            )
        ]
    return [
        REDIS.warning(
            "persistence",
            "Redis keeps nothing on its disk: a restart loses all tasks that wait.",
            "Their rows then stay pending for ever. The claims that keep a task from being retried"
            " twice go as well. Set it in its configuration file, too.",
            "CONFIG SET appendonly yes",
        )
    ]


def _number(info: Info, name: str) -> int:
    value = info.get(name, "0")
    return int(value) if value.isdigit() else 0
