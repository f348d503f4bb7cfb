from django.db import migrations

# A version is sealed once its content hash is set; frozen images are shared by versions.
CREATE = """
CREATE FUNCTION labeling_sealed_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.content_hash = '' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a dataset version does not change'
    USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER labeling_sealed_version BEFORE UPDATE ON labeling_datasetversion
  FOR EACH ROW EXECUTE FUNCTION labeling_sealed_version();

CREATE FUNCTION labeling_sealed_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM labeling_datasetversion
             WHERE id = OLD.version_id AND content_hash <> '') THEN
    RAISE EXCEPTION 'a dataset version does not change'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER labeling_sealed_rows BEFORE UPDATE ON labeling_versionimage
  FOR EACH ROW EXECUTE FUNCTION labeling_sealed_rows();

CREATE FUNCTION labeling_frozen_image() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a frozen image does not change' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER labeling_frozen_image BEFORE UPDATE ON labeling_frozenimage
  FOR EACH ROW EXECUTE FUNCTION labeling_frozen_image();
"""
DROP = """
DROP TRIGGER labeling_frozen_image ON labeling_frozenimage;
DROP FUNCTION labeling_frozen_image();
DROP TRIGGER labeling_sealed_rows ON labeling_versionimage;
DROP FUNCTION labeling_sealed_rows();
DROP TRIGGER labeling_sealed_version ON labeling_datasetversion;
DROP FUNCTION labeling_sealed_version();
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0004_versions")]
    operations = [migrations.RunSQL(CREATE, DROP)]
