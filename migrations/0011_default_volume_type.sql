-- Which type a volume gets for which nobody named one. Until here it was told by its name, which administrators may change:
-- where they did, it is the oldest type, and the volumes that were made without a type since then get it.
ALTER TABLE volume_types ADD COLUMN is_default boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX volume_types_default ON volume_types (is_default) WHERE is_default AND deleted_at IS NULL;
UPDATE volume_types SET is_default = true
 WHERE id = (SELECT id FROM volume_types WHERE deleted_at IS NULL
              ORDER BY name = '__DEFAULT__' DESC, created_at, id LIMIT 1);
UPDATE volumes SET volume_type_id = (SELECT id FROM volume_types WHERE is_default AND deleted_at IS NULL)
 WHERE volume_type_id IS NULL AND deleted_at IS NULL;
