from django.db import migrations

FORWARDS = """
CREATE FUNCTION deployments_ledger_is_append_only() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION 'the ledger of deployments is never changed'
    USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql;
CREATE TRIGGER deployments_ledger_append_only
  BEFORE UPDATE OR DELETE ON deployments_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION deployments_ledger_is_append_only();
"""
BACKWARDS = """
DROP TRIGGER deployments_ledger_append_only ON deployments_ledgerentry;
DROP FUNCTION deployments_ledger_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("deployments", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
