"""The task queue on Redis, as asynq keeps it there."""
