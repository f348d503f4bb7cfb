from django.db import migrations

FORWARDS = """
CREATE FUNCTION targets_entries_are_append_only() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION 'the ledger of deployments is never changed'
    USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql;
CREATE TRIGGER targets_entries_append_only
  BEFORE UPDATE OR DELETE ON targets_entry
  FOR EACH ROW EXECUTE FUNCTION targets_entries_are_append_only();
"""
BACKWARDS = """
DROP TRIGGER targets_entries_append_only ON targets_entry;
DROP FUNCTION targets_entries_are_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("targets", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
