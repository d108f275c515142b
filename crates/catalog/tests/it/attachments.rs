//! Attaching and detaching.

use std::time::Duration;

use catalog::VolumeId;
use catalog::attachments::{AttachRejected, Attaching, DetachRejected, Mode};
use catalog::jobs::Lane;
use catalog::page::Scope;
use catalog::volumes::{Deletion, Status, VolumeView};
use uuid::Uuid;

use crate::support::{Database, scope, with_database};

fn server(mode: Mode) -> Attaching {
    Attaching { instance_uuid: Some(Uuid::new_v4()), host_name: None, mountpoint: "/dev/vdb".to_owned(), mode }
}

async fn seen(database: &Database, id: VolumeId) -> VolumeView {
    database.catalog.volume(id, &Scope::Every).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_attached_volume_is_in_use_until_it_is_detached() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let attachment = catalog.attach_volume(id, &scope(), &server(Mode::ReadWrite)).await.unwrap().unwrap();
        let volume = seen(database, id).await;
        assert_eq!(volume.status, Status::InUse);
        assert_eq!(volume.attachments.iter().map(|attachment| attachment.id).collect::<Vec<_>>(), [attachment]);
        assert_eq!(volume.admin_metadata["attached_mode"], "rw");
        assert_eq!(volume.admin_metadata["readonly"], "False");
        let again = catalog.attach_volume(id, &scope(), &server(Mode::ReadWrite)).await.unwrap();
        assert_eq!(again, Err(AttachRejected::Attached));

        let unknown = Uuid::new_v4();
        let refused = catalog.detach_volume(id, &scope(), Some(unknown)).await.unwrap();
        assert_eq!(refused, Err(DetachRejected::NoSuchAttachment(unknown)));
        assert_eq!(catalog.detach_volume(id, &scope(), None).await.unwrap(), Ok(()));
        let volume = seen(database, id).await;
        assert_eq!(volume.status, Status::Available);
        assert!(volume.attachments.is_empty() && !volume.admin_metadata.contains_key("attached_mode"));
        assert_eq!(catalog.detach_volume(id, &scope(), None).await.unwrap(), Ok(()));
    })
    .await;
}

#[tokio::test]
async fn a_volume_detached_while_it_is_backed_up_is_available_afterwards() {
    with_database(async |database| {
        let id = database.available_volume(1).await;
        database.catalog.attach_volume(id, &scope(), &server(Mode::ReadWrite)).await.unwrap().unwrap();
        sqlx::query("UPDATE volumes SET status = 'backing-up', previous_status = 'in-use'")
            .execute(&database.sql)
            .await
            .unwrap();
        database.catalog.detach_volume(id, &scope(), None).await.unwrap().unwrap();
        let volume = seen(database, id).await;
        assert_eq!((volume.status, volume.previous_status), (Status::BackingUp, Some(Status::Available)));
    })
    .await;
}

#[tokio::test]
async fn a_volume_detached_while_it_grows_is_available_afterwards() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        catalog.attach_volume(id, &scope(), &server(Mode::ReadWrite)).await.unwrap().unwrap();
        catalog.extend_volume(id, &scope(), 2, true, None).await.unwrap().unwrap();
        catalog.detach_volume(id, &scope(), None).await.unwrap().unwrap();
        assert_eq!(seen(database, id).await.status, Status::Extending);
        let job = catalog.claim_job("one", "lab", Lane::Light, Duration::from_mins(1)).await.unwrap().unwrap();
        catalog.finish_volume_extend(&job, id, 2, "in-use").await.unwrap();
        let volume = seen(database, id).await;
        assert_eq!((volume.status, volume.size_gib), (Status::Available, 2));
    })
    .await;
}

#[tokio::test]
async fn a_busy_or_read_only_volume_is_not_attached() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        catalog.set_volume_readonly(id, &scope(), true).await.unwrap().unwrap();
        let refused = catalog.attach_volume(id, &scope(), &server(Mode::ReadWrite)).await.unwrap();
        assert_eq!(refused, Err(AttachRejected::Readonly));
        database.set_volume_status(id, "restoring-backup").await;
        let refused = catalog.attach_volume(id, &scope(), &server(Mode::ReadOnly)).await.unwrap();
        assert_eq!(refused, Err(AttachRejected::Status(Status::RestoringBackup)));
        database.set_volume_status(id, "available").await;
        assert!(catalog.attach_volume(id, &scope(), &server(Mode::ReadOnly)).await.unwrap().is_ok());
        // whatever the status says, an attached volume is not deleted
        database.set_volume_status(id, "available").await;
        let force = Deletion { cascade: false, force: true };
        assert!(catalog.delete_volume(id, &scope(), force, None).await.unwrap().is_err());
    })
    .await;
}
