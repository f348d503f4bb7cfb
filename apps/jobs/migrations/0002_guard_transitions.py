from django.db import migrations

# The table of apps.jobs.types.NEXT_STATUSES, where no code can go round it.
CREATE = """
CREATE FUNCTION jobs_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = OLD.status OR (OLD.status, NEW.status) IN (
    ('queued', 'starting'), ('queued', 'cancelled'), ('queued', 'failed'),
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
CREATE TRIGGER jobs_guard_status BEFORE UPDATE OF status ON jobs_job
  FOR EACH ROW EXECUTE FUNCTION jobs_guard_status();

CREATE FUNCTION jobs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'job events are append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER jobs_append_only BEFORE UPDATE ON jobs_jobevent
  FOR EACH ROW EXECUTE FUNCTION jobs_append_only();
"""
DROP = """
DROP TRIGGER jobs_append_only ON jobs_jobevent;
DROP FUNCTION jobs_append_only();
DROP TRIGGER jobs_guard_status ON jobs_job;
DROP FUNCTION jobs_guard_status();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
