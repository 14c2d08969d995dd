"""The ledger only grows: the database itself refuses to change or remove what was written.

A superuser can disable a trigger; `manage.py ledger verify` is what finds that. The check of `counts` is here
because Django has no expression for it.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger only grows: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- The sealer may set leaf_index and leaf_hash once. The probe compares every other column, also later ones.
CREATE FUNCTION ledger_leaf_seal_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    probe ledger_leaf := NEW;
BEGIN
    probe.leaf_index := OLD.leaf_index;
    probe.leaf_hash := OLD.leaf_hash;
    IF OLD.leaf_index IS NULL AND NEW.leaf_index IS NOT NULL AND probe IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger only grows: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER ledger_leaf_update BEFORE UPDATE ON ledger_leaf
    FOR EACH ROW EXECUTE FUNCTION ledger_leaf_seal_only();
CREATE TRIGGER ledger_leaf_delete BEFORE DELETE ON ledger_leaf
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_leaf_truncate BEFORE TRUNCATE ON ledger_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

CREATE TRIGGER ledger_checkpoint_change BEFORE UPDATE OR DELETE ON ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_checkpoint_truncate BEFORE TRUNCATE ON ledger_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

CREATE TRIGGER ledger_block_change BEFORE UPDATE OR DELETE ON ledger_block
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_block_truncate BEFORE TRUNCATE ON ledger_block
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

ALTER TABLE ledger_leaf ADD CONSTRAINT ledger_leaf_counts_are_counts CHECK (
    jsonb_typeof(counts) = 'object'
    AND NOT jsonb_path_exists(counts, '$.* ? (@.type() != "number")')
    AND NOT jsonb_path_exists(counts, '$.* ? (@ < 0 || @ > 999999999 || @ != @.floor())')
    AND NOT jsonb_path_exists(
        counts, '$.keyvalue() ? (!(@.key like_regex "^[a-z]+[0-9]{0,3}([._-][a-z]+[0-9]{0,3}){0,7}$"))')
);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    # Going back would take the guard away and keep the data: this migration goes forward only.
    operations = [migrations.RunSQL(sql=GUARDS)]
