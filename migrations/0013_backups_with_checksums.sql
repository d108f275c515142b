-- Whether a backup was made with checksums. They are kept with its image: where that has none, this is what tells one that
-- has lost them from one that never had any. Of those that are there, and of those that are imported, nothing is known.
ALTER TABLE backups ADD COLUMN checksums boolean NOT NULL DEFAULT false;
