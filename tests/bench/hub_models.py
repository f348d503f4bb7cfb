"""A marketplace of 10,000 models: search, lists, pages."""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial

import httpx

from tests.bench.big_project import database
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import Running

NUM_MODELS = 10_000
NUM_ASKED = 60
FILL = """
INSERT INTO marketplace_model (
  kind, namespace_id, name, visibility, gate, gate_terms, created_by_id,
  num_downloads, num_likes, num_bytes_new, task, summary, licence, library, tags,
  languages, precisions, frameworks, datasets, base_models, num_parameters,
  search_text, created_at, updated_at)
SELECT 'model', n.id, named.name, 'workspace', 'open', '', NULL, (k * 7919) %% 100000,
  k %% 50, 1000, task, 'Finds ' || thing || 's on line ' || k %% 40, licence, library,
  ARRAY[thing, 'line-' || k %% 40], ARRAY['en'], ARRAY[precision], ARRAY[framework],
  ARRAY['demo/' || thing], ARRAY[]::varchar[], (k %% 300 + 1) * 100000,
  lower(n.name || '/' || named.name || ' ' || task || ' ' || thing || ' ' || licence), now(),
  now() - k * interval '1 minute'
FROM generate_series(1, %(num)s) k,
  LATERAL (SELECT
    (ARRAY['scratch', 'dent', 'person', 'car', 'cell', 'weld', 'leaf'])[k %% 7 + 1] AS thing,
    (ARRAY['object-detection', 'image-segmentation', 'image-classification'])[k %% 3 + 1]
      task,
    (ARRAY['apache-2.0', 'mit', 'cc-by-4.0', 'bsd-3-clause'])[k %% 4 + 1] licence,
    (ARRAY['timm', 'transformers', 'deepseek_vision'])[k %% 3 + 1] library,
    (ARRAY['int8', 'fp16', 'fp32'])[k %% 3 + 1] AS precision,
    (ARRAY['onnx', 'safetensors'])[k %% 2 + 1] framework) words,
  LATERAL (SELECT thing || '-net-' || lpad(k::text, 5, '0') name) named,
  marketplace_namespace n
WHERE n.name = %(namespace)s
"""
HEADS = """
WITH made AS (
  INSERT INTO marketplace_modelrevision (
    model_id, revision, title, message, created_at, format, classes, config, card,
    num_files, size_bytes, num_bytes_new, relation, code_version, run_config, metrics,
    scan_version)
  SELECT id, encode(substring(sha256(id::text::bytea), 1, 20), 'hex'), 'First', '',
    now(), '', ARRAY[]::varchar[], '{}', '{}', 3, 12000000, 12000000, '', '', '{}', '{}', 1
  FROM marketplace_model WHERE head_id IS NULL
  RETURNING id, model_id)
UPDATE marketplace_model m SET head_id = made.id FROM made WHERE made.model_id = m.id
"""
# What is typed: words, their beginnings, pieces of names, and what nobody has.
SEARCHES = ("weld", "wel", "net-0042", "scratch mit", "object", "xyzzy", "s", "cell 77")
FILTERS = (
    {"filter": "object-detection", "sort": "lastModified"},
    {"filter": ["license:mit", "onnx"]},
    {"filter": "dataset:demo/weld", "num_parameters": "min:1M,max:20M"},
    {"pipeline_tag": "image-segmentation", "search": "leaf"},
)
FACETS = (
    {"task": "object-detection"},
    {"licence": "mit", "framework": "onnx"},
    {"precision": "int8", "size": "small"},
    {"q": "weld", "sort": "lastModified"},
)


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        namespace = fill(running, client)
        typed = {"HX-Request": "true"}
        api, page = "/api/models", "/marketplace/"
        yield _p95(
            "search, Hub API",
            50,
            [
                partial(client.get, api, params={"search": s, "limit": 20})
                for s in SEARCHES
            ],
        )
        yield _p95(
            "search as it is typed on the page, facets counted",
            50,
            [
                partial(client.get, page, params={"q": s}, headers=typed)
                for s in SEARCHES
            ],
        )
        yield _p95(
            "list of 100 with filters, Hub API",
            100,
            [partial(client.get, api, params={**f, "limit": 100}) for f in FILTERS],
        )
        yield _p95(
            "list with filters, on the page",
            100,
            [partial(client.get, page, params=f, headers=typed) for f in FACETS],
        )
        pages = [page, f"{page}?page=300", f"{page}{namespace}/dent-net-00001/"]
        yield _p95("page, whole", 200, [partial(client.get, one) for one in pages])


def fill(running: Running, client: httpx.Client) -> str:
    namespace = str(client.get("/api/whoami-v2").json()["name"])
    with database(running) as connection:
        connection.execute(FILL, {"num": NUM_MODELS, "namespace": namespace})
        connection.execute(HEADS)
        connection.execute(
            "VACUUM ANALYZE marketplace_model, marketplace_modelrevision"
        )
    return namespace


def _p95(what: str, goal: float, asks: list[Callable[[], httpx.Response]]) -> Row:
    took_ms = []
    for ask in asks:  # warm
        ask().raise_for_status()
    for ask in itertools.islice(itertools.cycle(asks), NUM_ASKED):
        began = time.perf_counter()
        ask().raise_for_status()
        took_ms.append(1000 * (time.perf_counter() - began))
    p95 = sorted(took_ms)[int(0.95 * (len(took_ms) - 1))]
    return Row(what=f"{what}, p95", value=p95, unit="ms", goal=goal)
