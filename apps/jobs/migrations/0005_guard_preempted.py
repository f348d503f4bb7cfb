from django.db import migrations

# The table of apps.jobs.types.NEXT_STATUSES, where no code can go round it.
BODY = """
CREATE OR REPLACE FUNCTION jobs_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = OLD.status OR (OLD.status, NEW.status) IN (
    ('queued', 'starting'), ('queued', 'cancelled'), ('queued', 'failed'),
    {queued}
    ('starting', 'running'), ('starting', 'queued'), ('starting', 'failed'),
    ('starting', 'cancelled'),
    ('running', 'finishing'), ('running', 'queued'), ('running', 'failed'),
    ('running', 'cancelled'),
    ('finishing', 'done'), ('finishing', 'queued'), ('finishing', 'failed'),
    ('finishing', 'cancelled'),
    ('failed', 'queued'), ('cancelled', 'queued')
  ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a % job cannot become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation';
END $$;
"""
PREEMPTED = """('queued', 'preempted'), ('starting', 'preempted'),
    ('running', 'preempted'), ('finishing', 'preempted'),
    ('preempted', 'queued'), ('preempted', 'cancelled'),"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_devices_and_priorities")]
    operations = [
        migrations.RunSQL(
            BODY.replace("{queued}", PREEMPTED), BODY.replace("{queued}", "")
        )
    ]
