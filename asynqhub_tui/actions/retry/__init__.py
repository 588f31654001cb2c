"""Retry: make asynq run the very same tasks again, each at most once.

Planned (`planning`), decided task by task (`decision`), counted for the preview (`preview`), kept
on the disk (`batch`), and executed with claims (`execution`), again after a crash where need be.
"""
