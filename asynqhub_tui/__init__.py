"""A terminal dashboard for Asynq-Hub."""

__version__ = "0.1.0"
