-- Asynq-Hub's schema as its migrations leave it. The hub owns it; nothing here is ours to change.

CREATE TABLE worker (
    id bigserial PRIMARY KEY,
    worker_name text NOT NULL UNIQUE,
    base_url text,
    redis_addr text,
    queue_groups jsonb NOT NULL,
    default_retry_count integer NOT NULL DEFAULT 3,
    default_timeout integer NOT NULL DEFAULT 30,
    default_delay integer NOT NULL DEFAULT 0,
    is_enabled boolean NOT NULL DEFAULT true,
    last_heartbeat_at timestamptz(6),
    created_at timestamptz(6) NOT NULL DEFAULT now(),
    updated_at timestamptz(6) NOT NULL DEFAULT now()
);

CREATE INDEX idx_worker_is_enabled ON worker (is_enabled);
CREATE INDEX idx_worker_last_heartbeat_at ON worker (last_heartbeat_at);

CREATE TABLE task (
    id bigserial PRIMARY KEY,
    task_id text NOT NULL UNIQUE,
    worker_name text NOT NULL REFERENCES worker (worker_name) ON DELETE RESTRICT ON UPDATE CASCADE,
    queue text NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    payload jsonb NOT NULL,
    status text NOT NULL,
    last_attempt integer NOT NULL DEFAULT 0,
    last_error text,
    last_worker_name text,
    trace_id text,
    created_at timestamptz(6) NOT NULL DEFAULT now(),
    updated_at timestamptz(6) NOT NULL DEFAULT now()
);

CREATE INDEX idx_task_worker_name_created_at ON task (worker_name, created_at DESC);
CREATE INDEX idx_task_status_updated_at ON task (status, updated_at DESC);
CREATE INDEX idx_task_queue_updated_at ON task (queue, updated_at DESC);

CREATE TABLE task_attempt (
    id bigserial PRIMARY KEY,
    task_id text NOT NULL REFERENCES task (task_id) ON DELETE RESTRICT ON UPDATE CASCADE,
    asynq_task_id text,
    attempt integer NOT NULL,
    status text NOT NULL,
    started_at timestamptz(6) NOT NULL DEFAULT now(),
    finished_at timestamptz(6),
    duration_ms integer,
    error text,
    worker_name text,
    trace_id text,
    span_id text
);

CREATE INDEX idx_task_attempt_task_id_started_at ON task_attempt (task_id, started_at DESC);
CREATE INDEX idx_task_attempt_status_started_at ON task_attempt (status, started_at DESC);
