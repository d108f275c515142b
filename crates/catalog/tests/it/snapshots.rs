//! What may be done to a snapshot, and when.

use catalog::MetadataEdit;
use catalog::jobs::JobSpec;
use catalog::page::{Query, Scope};
use catalog::snapshots::{CreateRejected, DeleteRejected, NewSnapshot, ReportRejected, SnapshotChange, Status};
use catalog::volumes;

use crate::support::{new_snapshot, scope, with_database};

#[tokio::test]
async fn a_snapshot_is_made_of_an_available_volume_and_where_allowed_of_one_in_use() {
    with_database(async |database| {
        let volume = database.available_volume(2).await;
        let create = async |in_use| {
            let new = NewSnapshot { in_use, ..new_snapshot(volume) };
            database.catalog.create_snapshot(&new, &scope(), None).await.unwrap()
        };
        let made = create(false).await.unwrap();
        assert_eq!((made.status, made.size_gib, made.progress.as_deref()), (Status::Creating, 2, Some("0%")));
        assert_eq!(database.queued().await, [JobSpec::SnapshotCreate { snapshot: made.id, volume }]);
        for (status, word) in [(volumes::Status::InUse, "in-use"), (volumes::Status::BackingUp, "backing-up")] {
            database.set_volume_status(volume, word).await;
            assert_eq!(create(false).await.unwrap_err(), CreateRejected::VolumeStatus(status));
        }
        assert_eq!(create(true).await.unwrap_err(), CreateRejected::VolumeStatus(volumes::Status::BackingUp));
        database.set_volume_status(volume, "in-use").await;
        assert!(create(true).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn only_an_available_or_failed_snapshot_is_deleted_without_force() {
    with_database(async |database| {
        let volume = database.available_volume(1).await;
        let id = database.available_snapshot(volume).await;
        let delete = async |force| database.catalog.delete_snapshot(id, &scope(), force, None).await.unwrap();
        for &before in Status::ALL {
            database.set_snapshot_status(id, before.as_str()).await;
            let expected = if matches!(before, Status::Available | Status::Error) {
                Ok(())
            } else {
                Err(DeleteRejected::Status(before))
            };
            assert_eq!(delete(false).await, expected, "{before}");
        }
        database.finish_jobs().await;
        database.set_snapshot_status(id, "backing-up").await;
        assert_eq!(delete(true).await, Ok(()));
        assert_eq!(database.queued().await, [JobSpec::SnapshotDelete { snapshot: id, volume }]);
    })
    .await;
}

#[tokio::test]
async fn changes_reports_and_lists() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let id = database.available_snapshot(volume).await;
        let change = SnapshotChange { name: Some(Some("new".to_owned())), description: None };
        let changed = catalog.update_snapshot(id, &scope(), &change).await.unwrap().unwrap();
        assert_eq!(changed.name.as_deref(), Some("new"));
        let edit = MetadataEdit::Merge([("a".to_owned(), "1".to_owned())].into());
        let metadata = catalog.edit_snapshot_metadata(id, &scope(), &edit).await.unwrap().unwrap();
        assert_eq!(metadata["a"], "1");

        let report = async |status| catalog.report_snapshot(id, &scope(), status, Some("80%")).await.unwrap();
        assert_eq!(report(Status::Error).await, Err(ReportRejected::NotExpected(Status::Available)));
        assert!(catalog.reset_snapshot(id, &Scope::Every, Status::Creating).await.unwrap());
        assert_eq!(report(Status::Deleting).await, Err(ReportRejected::NotNext(Status::Creating)));
        assert_eq!(report(Status::Available).await, Ok(()));
        let seen = catalog.snapshot(id, &scope()).await.unwrap().unwrap();
        assert_eq!((seen.status, seen.progress.as_deref()), (Status::Available, Some("80%")));

        let page = catalog.snapshots(&Query::newest(scope(), 10)).await.unwrap().unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
        let foreign = Scope::Project("other".into());
        assert!(catalog.snapshot(id, &foreign).await.unwrap().is_none());
        assert!(catalog.snapshots(&Query::newest(foreign, 10)).await.unwrap().unwrap().rows.is_empty());
    })
    .await;
}
