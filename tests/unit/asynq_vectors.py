"""The golden vectors: what asynq's own Go code writes, for what it is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "asynq_vectors.json").read_text("utf-8")
)
