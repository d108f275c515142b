-- Which projects may see and use a volume type that is not public.
CREATE TABLE volume_type_access (
    volume_type_id  uuid NOT NULL REFERENCES volume_types (id),
    project_id      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (volume_type_id, project_id)
);
CREATE INDEX volume_type_access_project ON volume_type_access (project_id);
