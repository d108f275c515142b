-- Where an interrupted increment may have left its restore point: also in the images of backups that were deleted since.
CREATE INDEX backups_deleted_volume ON backups (volume_id, deleted_at) WHERE deleted_at IS NOT NULL;
