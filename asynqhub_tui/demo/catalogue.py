"""Believable texts of the sample installation: payloads as JSON, and errors as Go writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

Payload = Callable[[Random], str]
"""Makes the JSON text of one task's payload."""

REFUSED = "dial tcp 10.0.0.1:443: connect: connection refused"
DEADLINE = "context deadline exceeded"
PANIC = (
    "panic error cause by: runtime error: index out of range [5] with length 3\n"
    "goroutine 214 [running]:\n"
    "runtime/debug.Stack()\n"
    "\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\n"
    "main.(*Splitter).chunk(0xc0004a2000, {0xc0006f4000, 0x3, 0x8})\n"
    "\t/app/internal/text/splitter.go:118 +0x1d3\n"
    "main.(*Handler).ProcessTask(0xc00012e0c0, {0xf0a1c8, 0xc0003b2f60})\n"
    "\t/app/cmd/worker/handler.go:57 +0x2b0"
)

CRAWL_ERRORS = (
    (REFUSED, 5),
    (DEADLINE, 4),
    ("任务故意失败: map[url:fail-http://x/1]", 2),
    ("unexpected status 503 Service Unavailable from https://shop.example/catalog?page=12", 3),
    ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid", 1),
)
AI_ERRORS = (
    (PANIC, 3),
    (DEADLINE, 3),
    ('llm: 429 Too Many Requests: {"error":{"code":"rate_limit","retry_after":20}}', 5),
    ("模型返回空结果: map[model:embed-v3 tokens:[8192 0] retry:false]", 1),
)
MAIL_ERRORS = (
    ("smtp: 421 4.7.0 try again later", 3),
    ("smtp: 550 5.1.1 <nobody@mail.example>: recipient address rejected", 2),
)
IMAGE_ERRORS = (
    (
        "write /var/cache/images/3f/3fa9c1.webp: no space left on device",
        12,
    ),
    (
        # What a tool wrote to its terminal, colours and all, ends up in the rows as well.
        "exit status 1: \x1b[31mvips2webp:\x1b[0m unable to write to target"
        " /var/cache/images: No space left on device\nvips warning: cache trimmed to 0 MB",
        5,
    ),
    ("image: unknown format", 1),
)
BILLING_ERRORS = (
    (
        'pq: duplicate key value violates unique constraint "invoice_number_key" (SQLSTATE 23505)',
        2,
    ),
    ("stripe: 402 card_declined", 3),
)
IMPORT_ERRORS = (("open /mnt/legacy/export.csv: no such file or directory", 1),)

_WORDS = ("tea", "lamp", "chair", "kettle", "rug", "shelf", "mug", "clock", "vase", "desk")
_TITLES = (
    "你好，世界",
    "秋季新品目录",
    "注文の確認",
    "주문 확인",
    "Übersicht für März",
    "Q4 report 📈",
)
_LANGUAGES = ("en", "zh", "ja", "de")


def crawl(rng: Random) -> str:
    """A page to fetch."""
    page = _below(9000, rng)
    depth = page % 4
    return (
        f'{{"url": "https://{_WORDS[page % 10]}.example/page-{page}?q=%E4%BD%A0", "depth": {depth},'
        f' "headers": {{"accept-language": "{_LANGUAGES[depth]}"}}, "render": {_bool(page % 3)}}}'
    )


def search(rng: Random) -> str:
    """Documents to index."""
    first = _below(1_000_000, rng)
    ids = ", ".join(str(first + step) for step in range(first % 9 + 1))
    return f'{{"index": "products", "ids": [{ids}], "refresh": false, "routing": null}}'


def analyze(rng: Random) -> str:
    """A text to read, in one language or another."""
    number = _below(60_000, rng)
    title = _TITLES[number % len(_TITLES)]
    return (
        f'{{"document": {{"id": {number}, "title": "{title}", "language":'
        f' "{_LANGUAGES[number % 4]}"}}, "model": "embed-v3", "options": {{"chunk":'
        ' {"size": 512, "overlap": 64}, "tasks": ["summary", "entities", "情感分析"]}}'
    )


def mail(rng: Random) -> str:
    """A mail to send."""
    number = _below(90_000, rng)
    title = _TITLES[number % len(_TITLES)]
    return (
        f'{{"to": "user-{number}@mail.example", "template": "order-shipped", "subject": "{title}",'
        f' "variables": {{"order": "{number:08}", "items": [{{"sku": "{_WORDS[number % 10]}",'
        f' "count": {number % 5 + 1}}}]}}}}'
    )


def image(rng: Random) -> str:
    """A picture to scale."""
    number = _below(1 << 24, rng)
    return (
        f'{{"source": "s3://images/{number:06x}.jpg", "sizes": [[320, 240], [1280, 960]],'
        f' "format": "webp", "quality": {60 + number % 30}}}'
    )


def bill(rng: Random) -> str:
    """An invoice, with numbers that no float holds."""
    number = _below(1 << 31, rng)
    return (
        f'{{"invoice": {9_007_199_254_740_993 + number}, "customer": "c-{number % 4000}",'
        f' "amount": {number % 90_000}.{number % 100:02}, "currency": "EUR",'
        ' "rate": 1.08274599999999999999}'
    )


def legacy(rng: Random) -> str:
    """A row of a file to import."""
    return f'{{"file": "/mnt/legacy/export.csv", "line": {_below(100_000, rng)}}}'


def large(rng: Random) -> str:
    """A payload of some 150 kB, as a client sends that puts its whole result into the task."""
    points = [
        {"id": step, "word": _WORDS[step % 10], "score": round(rng.random(), 4)}
        for step in range(3_000)
    ]
    return json.dumps({"batch": {"kind": "reindex", "points": points}, "note": _TITLES[0]})


def _below(most: int, rng: Random) -> int:
    # As randrange, at a third of its cost.
    return int(rng.random() * most)


def _bool(value: int) -> str:
    return "true" if value else "false"
