//! Records of backups that are taken in.

use std::time::Duration;

use catalog::backups::{ImportRejected, NewImport};
use catalog::jobs::Lane;
use catalog::work::{ImportUnfit, ImportedFields, Worker};
use catalog::{BackupId, Metadata, ProjectId, UserId, VolumeId};

use crate::support::{Database, project, with_database};

const LEASE: Duration = Duration::from_mins(1);

fn theirs() -> ProjectId {
    ProjectId::from("theirs")
}

fn import(id: BackupId, parent: Option<BackupId>, project: ProjectId) -> NewImport {
    let (service, record) = ("driver".to_owned(), serde_json::json!({}));
    NewImport { id, parent, size_gib: 1, service, record, project, user: UserId::from("alice") }
}

/// Takes the oldest import up and ends it with a record that names this parent.
async fn finish(database: &Database, id: BackupId, parent: Option<BackupId>) -> Result<(), ImportUnfit> {
    let catalog = &database.catalog;
    let job = catalog.claim_job("one", "lab", Lane::Light, LEASE).await.unwrap().unwrap();
    let fields = ImportedFields {
        volume_id: VolumeId::random(),
        snapshot_id: None,
        parent_id: parent,
        encryption_key_id: None,
        display_name: None,
        display_description: None,
        container: None,
        size_gib: 1,
        object_count: 0,
        service_metadata: None,
        metadata: Metadata::new(),
        data_timestamp: None,
        created_at: None,
    };
    let worker = Worker { host: "lab".to_owned(), zone: "nova".to_owned(), service: "driver".to_owned() };
    let finished = catalog.finish_import(&job, id, &fields, &worker).await.unwrap();
    if let Err(unfit) = finished {
        catalog.fail_import(&job, id, &unfit.to_string()).await.unwrap();
    }
    finished
}

#[tokio::test]
async fn a_chain_is_within_one_project() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let asked = async |id, parent, project| {
            let begun = catalog.import_backup(&import(id, parent, project), None).await.unwrap();
            begun.map(|backup| assert_eq!(backup.id, id))
        };
        let (full, leaf) = (BackupId::random(), BackupId::random());
        asked(full, None, project()).await.unwrap();
        assert_eq!(finish(database, full, None).await, Ok(()));
        assert_eq!(asked(leaf, Some(full), theirs()).await, Err(ImportRejected::OtherProject));
        asked(leaf, Some(full), project()).await.unwrap();
        assert_eq!(finish(database, leaf, Some(full)).await, Ok(()));

        // an increment may come before its parent; the parent is then not somebody else's either
        let (late, early) = (BackupId::random(), BackupId::random());
        asked(early, Some(late), project()).await.unwrap();
        assert_eq!(finish(database, early, Some(late)).await, Ok(()));
        assert_eq!(asked(late, None, theirs()).await, Err(ImportRejected::OtherProject));
        asked(late, None, project()).await.unwrap();
        assert_eq!(finish(database, late, None).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn of_two_imports_at_once_the_later_one_sees_whose_its_kin_is() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (parent, child) = (BackupId::random(), BackupId::random());
        for import in [import(child, Some(parent), theirs()), import(parent, None, project())] {
            catalog.import_backup(&import, None).await.unwrap().unwrap();
        }
        assert_eq!(finish(database, child, Some(parent)).await, Err(ImportUnfit::OtherProject));
        assert_eq!(finish(database, parent, None).await, Ok(()));
    })
    .await;
}
