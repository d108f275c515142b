//! What may be done to a volume, and when.

use catalog::jobs::{JobSpec, VolumeOrigin};
use catalog::page::{Query, Scope};
use catalog::volumes::{
    CreateRejected, DeleteRejected, Deletion, ExtendRejected, MetadataRejected, NewVolume, ReadonlyRejected, Reset,
    ResetRejected, Source, Status, UpdateRejected, VolumeChange,
};
use catalog::{EditRejected, Metadata, MetadataEdit, ProjectId, SnapshotId, VolumeId};

use crate::support::{Database, new_volume, placement, project, scope, with_database};

const PLAIN: Deletion = Deletion { cascade: false, force: false };
const CASCADE: Deletion = Deletion { cascade: true, force: false };
const FORCE: Deletion = Deletion { cascade: false, force: true };

fn foreign() -> Scope {
    Scope::Project(ProjectId::from("other"))
}

async fn status(database: &Database, id: VolumeId) -> Status {
    database.catalog.volume(id, &Scope::Every).await.unwrap().unwrap().status
}

#[tokio::test]
async fn an_empty_volume_is_a_row_and_a_job() {
    with_database(async |database| {
        let made = database.creating_volume(3).await;
        assert_eq!((made.status, made.size_gib), (Status::Creating, 3));
        assert_eq!(made.volume_type.as_deref(), Some("__DEFAULT__"));
        assert_eq!((made.availability_zone.as_str(), made.host.as_deref()), ("nova", Some("lab@rbd#volumes")));
        assert_eq!(database.queued().await, [JobSpec::VolumeCreate { volume: made.id, from: None }]);
        assert!(database.catalog.volume(made.id, &scope()).await.unwrap().is_some());
        assert!(database.catalog.volume(made.id, &foreign()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_volume_takes_size_type_and_zone_from_what_it_is_made_from() {
    with_database(async |database| {
        let source = database.available_volume(4).await;
        let snapshot = database.available_snapshot(source).await;
        sqlx::query("UPDATE volumes SET availability_zone = 'az2', bootable = true")
            .execute(&database.sql)
            .await
            .unwrap();
        let create = async |new: &NewVolume, from: Source| {
            database.catalog.create_volume(new, from, &scope(), &placement(), None).await.unwrap()
        };
        let new = NewVolume { size_gib: None, ..new_volume(1) };
        let made = create(&new, Source::Snapshot(snapshot)).await.unwrap();
        assert_eq!((made.size_gib, made.availability_zone.as_str(), made.bootable), (4, "az2", true));
        assert_eq!(made.snapshot_id, Some(snapshot));
        let from = Some(VolumeOrigin::Snapshot(snapshot, source));
        assert_eq!(database.queued().await, [JobSpec::VolumeCreate { volume: made.id, from }]);

        let small = new_volume(3);
        let refused = create(&small, Source::Volume(source)).await.unwrap_err();
        assert_eq!(refused, CreateRejected::TooSmall { size_gib: 3, source_gib: 4 });
        let larger = new_volume(5);
        assert_eq!(create(&larger, Source::Volume(source)).await.unwrap().size_gib, 5);
        let elsewhere = NewVolume { availability_zone: Some("nova".to_owned()), ..new_volume(4) };
        assert_eq!(create(&elsewhere, Source::Volume(source)).await.unwrap_err(), CreateRejected::OtherZone);
        let nowhere = NewVolume { availability_zone: Some("atlantis".to_owned()), ..new_volume(4) };
        assert_eq!(
            create(&nowhere, Source::Empty).await.unwrap_err(),
            CreateRejected::NoSuchZone("atlantis".to_owned())
        );
        assert_eq!(create(&new, Source::Empty).await.unwrap_err(), CreateRejected::NoSize);
    })
    .await;
}

#[tokio::test]
async fn a_source_must_be_seen_and_ready() {
    with_database(async |database| {
        let source = database.available_volume(1).await;
        let snapshot = database.available_snapshot(source).await;
        let create = async |from: Source, scope: &Scope| {
            database.catalog.create_volume(&new_volume(1), from, scope, &placement(), None).await.unwrap().err()
        };
        assert_eq!(
            create(Source::Snapshot(snapshot), &foreign()).await,
            Some(CreateRejected::NoSuchSnapshot(snapshot))
        );
        assert_eq!(create(Source::Volume(source), &foreign()).await, Some(CreateRejected::NoSuchVolume(source)));
        let unknown = SnapshotId::random();
        assert_eq!(create(Source::Snapshot(unknown), &scope()).await, Some(CreateRejected::NoSuchSnapshot(unknown)));
        database.set_snapshot_status(snapshot, "backing-up").await;
        assert_eq!(create(Source::Snapshot(snapshot), &scope()).await, Some(CreateRejected::SnapshotStatus));
        database.set_volume_status(source, "backing-up").await;
        assert_eq!(create(Source::Volume(source), &scope()).await, Some(CreateRejected::VolumeStatus));
        assert!(database.queued().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_status_either_allows_a_delete_or_leaves_everything_as_it_was() {
    with_database(async |database| {
        let allowed =
            [Status::Available, Status::Error, Status::ErrorRestoring, Status::ErrorExtending, Status::ErrorManaging];
        for &before in Status::ALL {
            let id = database.available_volume(1).await;
            database.set_volume_status(id, before.as_str()).await;
            let deleted = database.catalog.delete_volume(id, &scope(), PLAIN, None).await.unwrap();
            if allowed.contains(&before) {
                assert_eq!(deleted, Ok(()), "{before}");
                assert_eq!(status(database, id).await, Status::Deleting);
                assert_eq!(database.queued().await, [JobSpec::VolumeDelete { volume: id, cascade: false }]);
            } else {
                assert_eq!(deleted, Err(DeleteRejected::Busy), "{before}");
                assert_eq!(status(database, id).await, before);
                assert!(database.queued().await.is_empty());
            }
            sqlx::query("UPDATE volumes SET deleted_at = now()").execute(&database.sql).await.unwrap();
            database.finish_jobs().await;
        }
    })
    .await;
}

#[tokio::test]
async fn snapshots_hold_a_volume_unless_the_delete_cascades() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        let (one, other) = (database.available_snapshot(id).await, database.available_snapshot(id).await);
        let delete = async |how| database.catalog.delete_volume(id, &scope(), how, None).await.unwrap();
        assert_eq!(delete(PLAIN).await, Err(DeleteRejected::Busy));
        assert_eq!(delete(FORCE).await, Err(DeleteRejected::Busy));
        database.set_snapshot_status(other, "backing-up").await;
        assert_eq!(delete(CASCADE).await, Err(DeleteRejected::Busy));
        let first = database.catalog.snapshot(one, &scope()).await.unwrap().unwrap();
        assert_eq!(first.status, catalog::snapshots::Status::Available, "a refused cascade marks no snapshot");
        database.set_snapshot_status(other, "error").await;
        assert_eq!(delete(CASCADE).await, Ok(()));
        for snapshot in [one, other] {
            let marked = database.catalog.snapshot(snapshot, &scope()).await.unwrap().unwrap();
            assert_eq!(marked.status, catalog::snapshots::Status::Deleting);
        }
        assert_eq!(database.queued().await, [JobSpec::VolumeDelete { volume: id, cascade: true }]);
    })
    .await;
}

#[tokio::test]
async fn two_deletes_make_one_job() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        let scope = scope();
        let (first, second) = tokio::join!(
            database.catalog.delete_volume(id, &scope, PLAIN, None),
            database.catalog.delete_volume(id, &scope, PLAIN, None),
        );
        assert!(first.unwrap().is_ok() != second.unwrap().is_ok());
        assert_eq!(database.queued().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_volume_grows_from_available_and_where_allowed_from_in_use() {
    with_database(async |database| {
        let id = database.available_volume(2).await;
        let extend =
            async |size, in_use| database.catalog.extend_volume(id, &scope(), size, in_use, None).await.unwrap();
        assert_eq!(extend(2, false).await, Err(ExtendRejected::NotLarger { size_gib: 2 }));
        database.set_volume_status(id, "in-use").await;
        assert_eq!(extend(3, false).await, Err(ExtendRejected::Status(Status::InUse)));
        assert_eq!(extend(3, true).await, Ok(()));
        let job = JobSpec::VolumeExtend { volume: id, new_size_gib: 3, previous_status: "in-use".to_owned() };
        assert_eq!(database.queued().await, [job]);
        assert_eq!(status(database, id).await, Status::Extending);
        assert_eq!(extend(4, true).await, Err(ExtendRejected::Status(Status::Extending)));
    })
    .await;
}

#[tokio::test]
async fn metadata_is_merged_replaced_and_guarded() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        let map = |pairs: &[(&str, &str)]| -> Metadata {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let edit = async |edit: MetadataEdit| {
            database.catalog.edit_volume_metadata(id, &scope(), &edit, &|_| true).await.unwrap()
        };
        assert_eq!(edit(MetadataEdit::Merge(map(&[("a", "1")]))).await, Ok(map(&[("a", "1")])));
        assert_eq!(edit(MetadataEdit::Merge(map(&[("b", "2")]))).await, Ok(map(&[("a", "1"), ("b", "2")])));
        assert_eq!(edit(MetadataEdit::Remove("c".to_owned())).await, Err(EditRejected::NoSuchKey.into()));
        assert_eq!(edit(MetadataEdit::Replace(map(&[("c", "3")]))).await, Ok(map(&[("c", "3")])));
        let stale = database
            .catalog
            .edit_volume_metadata(id, &scope(), &MetadataEdit::Replace(map(&[])), &|seen| seen.is_empty())
            .await
            .unwrap();
        assert_eq!(stale, Err(MetadataRejected::Changed));
        database.set_volume_status(id, "maintenance").await;
        let refused = edit(MetadataEdit::Merge(map(&[("d", "4")]))).await;
        assert_eq!(refused, Err(MetadataRejected::Status(Status::Maintenance)));
        let refused = database.catalog.update_volume(id, &scope(), &VolumeChange::default()).await.unwrap();
        assert_eq!(refused.unwrap_err(), UpdateRejected::Maintenance);
    })
    .await;
}

#[tokio::test]
async fn an_update_changes_what_is_named_and_nothing_else() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        let change = VolumeChange { description: Some(Some("d".to_owned())), ..VolumeChange::default() };
        let changed = database.catalog.update_volume(id, &scope(), &change).await.unwrap().unwrap();
        assert_eq!((changed.name.as_deref(), changed.description.as_deref()), (Some("v"), Some("d")));
        let change = VolumeChange { name: Some(None), ..VolumeChange::default() };
        let changed = database.catalog.update_volume(id, &scope(), &change).await.unwrap().unwrap();
        assert_eq!((changed.name.as_deref(), changed.description.as_deref()), (None, Some("d")));
        assert!(changed.updated_at.is_some());
        let refused = database.catalog.update_volume(id, &foreign(), &change).await.unwrap();
        assert_eq!(refused.unwrap_err(), UpdateRejected::NotFound);

        assert!(database.catalog.set_volume_bootable(id, &scope(), true).await.unwrap());
        assert!(!database.catalog.set_volume_bootable(id, &foreign(), false).await.unwrap());
        assert_eq!(database.catalog.set_volume_readonly(id, &scope(), true).await.unwrap(), Ok(()));
        let seen = database.catalog.volume(id, &scope()).await.unwrap().unwrap();
        assert!(seen.bootable);
        assert_eq!(seen.admin_metadata.get("readonly").map(String::as_str), Some("True"));
        database.set_volume_status(id, "error").await;
        let refused = database.catalog.set_volume_readonly(id, &scope(), false).await.unwrap();
        assert_eq!(refused, Err(ReadonlyRejected::Status(Status::Error)));
    })
    .await;
}

#[tokio::test]
async fn a_reset_sets_the_status_but_not_in_use_without_attachments() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        let reset = async |status| {
            let reset = Reset { status: Some(status), ..Reset::default() };
            database.catalog.reset_volume(id, &Scope::Every, &reset).await.unwrap()
        };
        assert_eq!(reset(Status::InUse).await, Err(ResetRejected::NotAttached));
        assert_eq!(reset(Status::Error).await, Ok(()));
        assert_eq!(status(database, id).await, Status::Error);
    })
    .await;
}

#[tokio::test]
async fn lists_and_summaries_stay_in_their_project() {
    with_database(async |database| {
        let mine = database.available_volume(2).await;
        let mut new = new_volume(5);
        new.project = ProjectId::from("other");
        new.metadata = Metadata::from([("k".to_owned(), "w".to_owned())]);
        database.catalog.create_volume(&new, Source::Empty, &foreign(), &placement(), None).await.unwrap().unwrap();
        let page = database.catalog.volumes(&Query::newest(scope(), 10)).await.unwrap().unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [mine]);
        assert_eq!(page.rows[0].project_id, project());
        let page = database.catalog.volumes(&Query::newest(Scope::Every, 10)).await.unwrap().unwrap();
        assert_eq!(page.rows.len(), 2);
        let summary = database.catalog.volume_summary(&scope()).await.unwrap();
        assert_eq!((summary.count, summary.size_gib, summary.metadata.len()), (1, 2, 0));
        let summary = database.catalog.volume_summary(&Scope::Every).await.unwrap();
        assert_eq!((summary.count, summary.size_gib), (2, 7));
        assert_eq!(summary.metadata["k"], ["w"]);
    })
    .await;
}
