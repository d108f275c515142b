//! Attaching and detaching.

use std::time::Duration;

use catalog::attachments::{
    self, AttachRejected, Attaching, Attachment, ConnectRejected, Connector, CreateRejected, DetachRejected, Mode,
    NewAttachment,
};
use catalog::jobs::Lane;
use catalog::page::{Query, Scope};
use catalog::volumes::{Deletion, DetachingRejected, Status, Volume, VolumeView};
use catalog::{ProjectId, VolumeId};
use serde_json::{Map, Value, json};
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

fn info(volume: &Volume, attachment: Uuid, mode: Mode) -> Map<String, Value> {
    let told = json!({ "volume": volume.id, "attachment": attachment, "mode": mode.as_str() });
    told.as_object().cloned().unwrap_or_default()
}

fn host(name: &str) -> Connector<'static> {
    Connector { host_name: Some(name.to_owned()), mountpoint: Some("/dev/vdb".to_owned()), mode: None, info: &info }
}

fn reserving(volume: VolumeId, server: Option<Uuid>) -> NewAttachment<'static> {
    NewAttachment { volume, instance_uuid: server, mode: None, connector: None }
}

async fn reserve(database: &Database, volume: VolumeId, server: Option<Uuid>) -> Attachment {
    database.catalog.create_attachment(&reserving(volume, server), &scope()).await.unwrap().unwrap()
}

/// What a volume is and was.
async fn statuses(database: &Database, id: VolumeId) -> (Status, Option<Status>) {
    let volume = seen(database, id).await;
    (volume.status, volume.previous_status)
}

#[tokio::test]
async fn a_volume_follows_its_attachment_step_by_step() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let made = reserve(database, id, Some(Uuid::new_v4())).await;
        assert_eq!((made.status, made.mode, made.attached_at), (attachments::Status::Reserved, None, None));
        assert!(made.connection_info.is_empty());
        assert_eq!(seen(database, id).await.status, Status::Reserved);

        let connected = catalog.connect_attachment(made.id, &scope(), &host("one")).await.unwrap().unwrap();
        assert_eq!((connected.status, connected.mode), (attachments::Status::Attaching, Some(Mode::ReadWrite)));
        assert_eq!(connected.connection_info.0, info(&seen(database, id).await.volume, made.id, Mode::ReadWrite));
        assert!(connected.attached_at.is_some());
        assert_eq!(seen(database, id).await.status, Status::Attaching);

        assert!(catalog.complete_attachment(made.id, &scope()).await.unwrap());
        let whole = catalog.attachment(made.id, &scope()).await.unwrap().unwrap();
        assert_eq!((whole.status, whole.attached_at), (attachments::Status::Attached, connected.attached_at));
        assert_eq!(seen(database, id).await.status, Status::InUse);

        assert_eq!(catalog.delete_attachment(made.id, &scope()).await.unwrap().unwrap().len(), 0);
        assert_eq!(seen(database, id).await.status, Status::Available);
        assert!(catalog.delete_attachment(made.id, &scope()).await.unwrap().is_none());
        assert!(!catalog.complete_attachment(made.id, &scope()).await.unwrap());
        let gone = catalog.connect_attachment(made.id, &scope(), &host("one")).await.unwrap().unwrap_err();
        assert_eq!(gone, ConnectRejected::NotFound);
    })
    .await;
}

#[tokio::test]
async fn only_the_same_server_reserves_a_volume_twice_and_from_another_host() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let server = Some(Uuid::new_v4());
        let first = reserve(database, id, server).await;
        for other in [None, Some(Uuid::new_v4())] {
            let refused = catalog.create_attachment(&reserving(id, other), &scope()).await.unwrap().unwrap_err();
            assert_eq!(refused, CreateRejected::Status { status: Status::Reserved, multiattach: false });
        }
        catalog.connect_attachment(first.id, &scope(), &host("one")).await.unwrap().unwrap();
        assert!(catalog.complete_attachment(first.id, &scope()).await.unwrap());

        let second = reserve(database, id, server).await;
        let refused = catalog.connect_attachment(second.id, &scope(), &host("one")).await.unwrap().unwrap_err();
        assert_eq!(refused, ConnectRejected::Duplicate);
        catalog.connect_attachment(second.id, &scope(), &host("two")).await.unwrap().unwrap();
        // the one that is furthest says what the volume is
        assert_eq!(seen(database, id).await.status, Status::InUse);
        let left = catalog.delete_attachment(first.id, &scope()).await.unwrap().unwrap();
        assert_eq!(left.iter().map(|attachment| attachment.id).collect::<Vec<_>>(), [second.id]);
        assert_eq!(seen(database, id).await.status, Status::Attaching);
    })
    .await;
}

#[tokio::test]
async fn one_volume_is_reserved_once_however_many_ask() {
    Box::pin(with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let ask = async || {
            let new = reserving(id, Some(Uuid::new_v4()));
            catalog.create_attachment(&new, &scope()).await.unwrap().is_ok()
        };
        let made = tokio::join!(ask(), ask(), ask(), ask());
        assert_eq!([made.0, made.1, made.2, made.3].into_iter().filter(|made| *made).count(), 1);
        assert_eq!(seen(database, id).await.attachments.len(), 1);
    }))
    .await;
}

#[tokio::test]
async fn a_volume_that_is_backed_up_keeps_its_status_whatever_becomes_of_its_attachments() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let server = Some(Uuid::new_v4());
        let first = reserve(database, id, server).await;
        assert!(catalog.complete_attachment(first.id, &scope()).await.unwrap());
        let second = reserve(database, id, server).await;
        sqlx::query("UPDATE volumes SET status = 'backing-up', previous_status = 'in-use'")
            .execute(&database.sql)
            .await
            .unwrap();
        catalog.delete_attachment(first.id, &scope()).await.unwrap().unwrap();
        assert_eq!(statuses(database, id).await, (Status::BackingUp, Some(Status::Reserved)));
        catalog.connect_attachment(second.id, &scope(), &host("two")).await.unwrap().unwrap();
        assert_eq!(statuses(database, id).await, (Status::BackingUp, Some(Status::Attaching)));
        assert!(catalog.complete_attachment(second.id, &scope()).await.unwrap());
        assert_eq!(statuses(database, id).await, (Status::BackingUp, Some(Status::InUse)));
    })
    .await;
}

#[tokio::test]
async fn a_broken_volume_is_not_attached_and_one_to_be_read_only_for_reading() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        database.set_volume_status(id, "error_restoring").await;
        let refused = catalog.create_attachment(&reserving(id, None), &scope()).await.unwrap().unwrap_err();
        assert_eq!(refused, CreateRejected::Broken(Status::ErrorRestoring));
        database.set_volume_status(id, "available").await;
        catalog.set_volume_readonly(id, &scope(), true).await.unwrap().unwrap();
        let wanted = NewAttachment { mode: Some(Mode::ReadWrite), connector: Some(host("one")), ..reserving(id, None) };
        let made = catalog.create_attachment(&wanted, &scope()).await.unwrap().unwrap();
        assert_eq!((made.mode, &made.connection_info["mode"]), (Some(Mode::ReadOnly), &json!("ro")));
        database.set_volume_status(id, "error").await;
        let refused = catalog.connect_attachment(made.id, &scope(), &host("one")).await.unwrap().unwrap_err();
        assert_eq!(refused, ConnectRejected::Broken(Status::Error));
        // it does not become whole by that
        assert!(catalog.complete_attachment(made.id, &scope()).await.unwrap());
        assert_eq!(seen(database, id).await.status, Status::Error);
    })
    .await;
}

#[tokio::test]
async fn a_volume_is_detaching_only_while_something_has_it() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let begin = async || catalog.begin_detaching_volume(id, &scope()).await.unwrap();
        assert_eq!(begin().await, Err(DetachingRejected::NotAttached));
        let made = reserve(database, id, None).await;
        assert_eq!(begin().await, Err(DetachingRejected::NotAttached));
        assert!(catalog.complete_attachment(made.id, &scope()).await.unwrap());
        assert_eq!(begin().await, Ok(()));
        assert_eq!(begin().await, Err(DetachingRejected::NotAttached));
        assert_eq!(seen(database, id).await.status, Status::Detaching);
        for _ in 0..2 {
            assert!(catalog.roll_detaching_volume(id, &scope()).await.unwrap());
            assert_eq!(seen(database, id).await.status, Status::InUse);
        }
        assert_eq!(begin().await, Ok(()));
        catalog.delete_attachment(made.id, &scope()).await.unwrap().unwrap();
        assert_eq!(seen(database, id).await.status, Status::Available);
    })
    .await;
}

#[tokio::test]
async fn another_projects_attachments_are_out_of_sight() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let made = reserve(database, id, None).await;
        let other = Scope::Project(ProjectId::from("other"));
        let refused = catalog.create_attachment(&reserving(id, None), &other).await.unwrap().unwrap_err();
        assert_eq!(refused, CreateRejected::NotFound);
        assert!(catalog.attachment(made.id, &other).await.unwrap().is_none());
        let refused = catalog.connect_attachment(made.id, &other, &host("one")).await.unwrap().unwrap_err();
        assert_eq!(refused, ConnectRejected::NotFound);
        assert!(!catalog.complete_attachment(made.id, &other).await.unwrap());
        assert!(catalog.delete_attachment(made.id, &other).await.unwrap().is_none());
        assert!(!catalog.roll_detaching_volume(id, &other).await.unwrap());
        for (scope, seen) in [(other, 0), (scope(), 1), (Scope::Every, 1)] {
            assert_eq!(catalog.attachments(&Query::newest(scope, 9)).await.unwrap().unwrap().rows.len(), seen);
        }
        assert_eq!(seen(database, id).await.status, Status::Reserved);
    })
    .await;
}
