-- An attachment may be made in steps: reserved, connected to a host, complete. What os-attach makes is complete at once.
ALTER TABLE attachments
    ADD COLUMN status           text NOT NULL DEFAULT 'attached' CHECK (status IN ('reserved', 'attaching', 'attached')),
    ADD COLUMN connection_info  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN created_at       timestamptz NOT NULL DEFAULT now(),
    ALTER COLUMN attached_at DROP NOT NULL,
    -- not chosen yet
    ALTER COLUMN mode DROP NOT NULL;
UPDATE attachments SET created_at = attached_at;
