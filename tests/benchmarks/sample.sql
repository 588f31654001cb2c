-- Fills an empty installation with `bench.tasks` tasks of the last 30 days, the newest of now.
-- Everything but the times follows from the rows' numbers, so that two runs are alike.

SET max_parallel_workers_per_gather = 0;
SET work_mem = '256MB';

CREATE FUNCTION pg_temp.chance(number bigint, salt integer) RETURNS float8 LANGUAGE sql IMMUTABLE
AS $$ SELECT (hashint8extended(number, salt) & 2147483647) / 2147483648::float8 $$;

CREATE FUNCTION pg_temp.seconds(number float8) RETURNS interval LANGUAGE sql IMMUTABLE
AS $$ SELECT make_interval(secs => number) $$;

-- 20 workers of 3 groups of 3 priorities: 180 queues.
INSERT INTO worker (worker_name, base_url, redis_addr, queue_groups, default_retry_count,
    default_timeout, last_heartbeat_at)
SELECT 'worker-' || lpad(n::text, 2, '0'), 'http://10.0.0.' || n || ':8080', 'redis:6379',
    (SELECT jsonb_agg(jsonb_build_object('name', name, 'concurrency', 8,
        'priorities', '{"critical": 6, "default": 3, "low": 1}'::jsonb))
     FROM unnest('{web,mail,batch}'::text[]) AS of(name)),
    3, ('{30,60,120,300,7200}'::integer[])[1 + n % 5], now()
FROM generate_series(1, 20) AS n;

-- The last 720 hours, back from now, with more tasks by day than by night.
CREATE TEMP TABLE moment AS
WITH hour AS (
    SELECT back, 1 + 0.6 * sin(pi() * (extract(hour FROM now() AT TIME ZONE 'UTC'
        - make_interval(hours => back)) - 9) / 12) AS weight
    FROM generate_series(0, 719) AS back
), part AS (
    SELECT back, weight,
        (sum(weight) OVER (ORDER BY back DESC)) / (sum(weight) OVER ()) AS upto
    FROM hour
), number AS (
    SELECT back, upto,
        round(upto * current_setting('bench.tasks')::bigint)::bigint AS last,
        coalesce(lag(round(upto * current_setting('bench.tasks')::bigint))
            OVER (ORDER BY back DESC), 0)::bigint AS before
    FROM part
)
SELECT row_number() OVER (ORDER BY created_at) AS number, created_at
FROM (
    SELECT now() - (back + pg_temp.chance(n, 1)) * interval '1 hour' AS created_at
    FROM number CROSS JOIN LATERAL generate_series(before + 1, last) AS n
) AS made;

-- What becomes of each. `lost`: its attempt never reported an end. `waiting`: nothing began yet.
-- `open`: it runs now, with time enough left.
CREATE TEMP TABLE sample AS
WITH share AS (
    SELECT array_agg(upto ORDER BY n) AS zipf
    FROM (
        SELECT n, (sum(1.0 / n) OVER (ORDER BY n) / sum(1.0 / n) OVER ())::float8 AS upto
        FROM generate_series(1, 20) AS n
    ) AS each
), owned AS (
    SELECT number, created_at,
        1 + width_bucket(least(pg_temp.chance(number, 2), 0.999999), zipf) AS worker
    FROM moment CROSS JOIN share
), chosen AS (
    SELECT number, created_at, worker,
        ('{web,web,web,web,web,web,mail,mail,mail,batch}'::text[])
            [1 + floor(10 * pg_temp.chance(number, 3))::integer] AS queue_group,
        ('{1,2,2,2,3}'::integer[])[1 + floor(5 * pg_temp.chance(number, 4))::integer] AS priority,
        CASE
            WHEN number > 0.995 * current_setting('bench.tasks')::bigint
                AND worker % 5 = 4 AND pg_temp.chance(number, 5) < 0.1 THEN 'open'
            WHEN number > 0.988 * current_setting('bench.tasks')::bigint
                AND pg_temp.chance(number, 5) < 0.5 THEN 'waiting'
            WHEN pg_temp.chance(number, 6) < 0.003 THEN 'lost'
            WHEN pg_temp.chance(number, 6) < 0.0035 THEN 'waiting'
            WHEN pg_temp.chance(number, 6) < 0.0635 THEN 'fail'
            WHEN pg_temp.chance(number, 6) < 0.0735 THEN 'dead'
            ELSE 'success'
        END AS outcome,
        pg_temp.chance(number, 7) AS luck
    FROM owned
)
SELECT *,
    CASE outcome
        WHEN 'waiting' THEN 0
        WHEN 'lost' THEN 1
        WHEN 'open' THEN 1
        WHEN 'fail' THEN 1 + floor(4 * luck)::integer
        WHEN 'dead' THEN 4
        -- 5: it had failed for good, was run again, and its numbers repeat.
        ELSE CASE WHEN luck < 0.88 THEN 1 WHEN luck < 0.97 THEN 2 WHEN luck < 0.995 THEN 3 ELSE 5 END
    END AS runs
FROM chosen;

-- Every attempt, with asynq's waits between them; what would lie ahead of now has not happened.
CREATE TEMP TABLE run AS
WITH span AS (
    SELECT s.number, s.outcome, s.runs, k,
        CASE WHEN outcome = 'open' THEN now() - pg_temp.seconds(60 * pg_temp.chance(s.number, 8))
            ELSE s.created_at + pg_temp.seconds(0.2 - 2 * ln(1 - pg_temp.chance(s.number, 8)))
        END AS first_start,
        CASE WHEN k = 1 THEN 0
            WHEN k = 5 THEN 3600 * (1 + 20 * pg_temp.chance(s.number, 9))
            ELSE (k - 1) ^ 4 + 15 + 30 * (k - 1) * pg_temp.chance(s.number, 10 + k)
        END AS waited,
        least(-ln(1 - pg_temp.chance(s.number, 20 + k)) * (0.05 + s.worker ^ 2 / 40.0), 25) AS took
    FROM sample AS s CROSS JOIN LATERAL generate_series(1, s.runs) AS k
), timed AS (
    SELECT *, first_start + pg_temp.seconds(sum(waited + took) OVER before - took) AS started_at
    FROM span
    WINDOW before AS (PARTITION BY number ORDER BY k)
)
SELECT number, k,
    CASE WHEN k < 5 THEN k WHEN pg_temp.chance(number, 30) < 0.5 THEN 4 ELSE 1 END AS attempt,
    CASE WHEN outcome = 'success' AND k = runs THEN 'success' ELSE 'fail' END AS status,
    started_at,
    CASE WHEN outcome NOT IN ('lost', 'open') AND started_at + pg_temp.seconds(took) <= now()
        THEN started_at + pg_temp.seconds(took)
    END AS finished_at
FROM timed
WHERE started_at <= now();

ANALYZE sample, run;

-- The hub sets a new row's updated_at just before its created_at.
INSERT INTO task (task_id, worker_name, queue, priority, payload, status, last_attempt, trace_id,
    created_at, updated_at)
SELECT md5('task ' || s.number),
    name, name || ':' || s.queue_group || ':' || ('{low,default,critical}'::text[])[s.priority],
    s.priority,
    jsonb_build_object(
        'url', 'https://shop.example/orders/' || s.number,
        'customer', md5('customer ' || s.number % 9973),
        'retry', s.number % 2 = 0,
        'amount', s.number % 100000 / 100.0,
        'items', jsonb_build_array(s.number % 17, s.number % 101, s.number % 1009),
        'note', repeat(md5('note ' || s.number), 3 + (s.number % 9)::integer)),
    CASE WHEN last.status IS NULL THEN 'pending' WHEN s.outcome = 'dead' THEN 'dead'
        ELSE last.status END,
    coalesce(last.attempt, 0), md5('trace ' || s.number),
    s.created_at, coalesce(last.finished_at + interval '20 ms', s.created_at - interval '300 us')
FROM sample AS s
CROSS JOIN LATERAL (VALUES ('worker-' || lpad(s.worker::text, 2, '0'))) AS worker(name)
LEFT JOIN (
    SELECT DISTINCT ON (number) number, attempt, status, finished_at
    FROM run WHERE finished_at IS NOT NULL ORDER BY number, k DESC
) AS last USING (number)
ORDER BY s.number;

-- Two rows an attempt, in the order in which they are written.
INSERT INTO task_attempt (task_id, attempt, status, started_at, finished_at, duration_ms, error)
SELECT md5('task ' || number), attempt, status, started_at, finished_at,
    CASE WHEN number % 20 = 0
        THEN (extract(epoch FROM finished_at - started_at) * 1000)::integer END,
    CASE WHEN status = 'fail' THEN
        CASE number % 5
            WHEN 0 THEN 'connect tcp 10.0.3.' || number % 250 || ':443: connection refused'
            WHEN 1 THEN '任务故意失败: map[url:fail-http://x/' || number || ']'
            WHEN 2 THEN 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            WHEN 3 THEN 'order ' || number || ': status 503 from upstream'
            ELSE repeat(E'panic: invalid memory address\n\tmain.go:' || number || E'\n', 12)
        END
    END
FROM (
    SELECT number, attempt, 'running' AS status, started_at, NULL AS finished_at,
        started_at AS written_at
    FROM run
    UNION ALL
    SELECT number, attempt, status, started_at, finished_at, finished_at
    FROM run WHERE finished_at IS NOT NULL
) AS written
ORDER BY written_at, number;

DROP TABLE moment, sample, run;
