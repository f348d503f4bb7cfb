"""What gateways counted, added up in the database."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from apps.deployments.models import Traffic
from apps.deployments.selectors import BUCKET_S
from apps.deployments.services.watching import poke_of
from apps.deployments.types import LATENCY_MS, Tally

KEPT = timedelta(days=7)
_ADD = """
INSERT INTO deployments_traffic AS t
  (release_id, at, num, num_errors, num_retried, num_slow, num_compared, num_agreed,
   sum_ms, histogram)
SELECT r.id, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM deployments_release r WHERE r.id = %s
ON CONFLICT ON CONSTRAINT traffic_once DO UPDATE SET
  num = t.num + EXCLUDED.num,
  num_errors = t.num_errors + EXCLUDED.num_errors,
  num_retried = t.num_retried + EXCLUDED.num_retried,
  num_slow = t.num_slow + EXCLUDED.num_slow,
  num_compared = t.num_compared + EXCLUDED.num_compared,
  num_agreed = t.num_agreed + EXCLUDED.num_agreed,
  sum_ms = t.sum_ms + EXCLUDED.sum_ms,
  histogram = ARRAY(
    SELECT a + b FROM unnest(t.histogram, EXCLUDED.histogram) AS both_cells(a, b))
"""


@transaction.atomic
def add_traffic(tallies: Mapping[int, Tally], *, at: datetime | None = None) -> None:
    """Add counts by release to the present ten seconds, beside any other gateway."""
    moment = (at or timezone.now()).timestamp()
    bucket = datetime.fromtimestamp(moment - moment % BUCKET_S, UTC)
    empty = [0] * (len(LATENCY_MS) + 1)
    with connection.cursor() as cursor:
        for release_id, tally in sorted(tallies.items()):
            counts: list[int | float | list[int]] = [
                tally.num,
                tally.num_errors,
                tally.num_retried,
                tally.num_slow,
                tally.num_compared,
                tally.num_agreed,
                tally.sum_ms,
                tally.histogram or empty,
            ]
            cursor.execute(_ADD, (bucket, *counts, release_id))
    poke_of(tallies)


def forget_old_traffic() -> int:
    return Traffic.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]
