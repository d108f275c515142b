//! Heartbeats, and which backup service can be used.

use catalog::services::{BACKUP_BINARY, VOLUME_BINARY};

use crate::support::with_database;

#[tokio::test]
async fn a_service_is_usable_while_it_is_enabled_and_heard_of() {
    with_database(async |database| {
        let catalog = &database.catalog;
        assert_eq!(catalog.usable_backup_service(None).await.unwrap(), None);
        catalog.heartbeat(VOLUME_BINARY, "lab@rbd", "nova").await.unwrap();
        assert_eq!(catalog.usable_backup_service(None).await.unwrap(), None);
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        assert_eq!(catalog.usable_backup_service(None).await.unwrap().as_deref(), Some("lab"));
        assert_eq!(catalog.usable_backup_service(Some("nova")).await.unwrap().as_deref(), Some("lab"));
        assert_eq!(catalog.usable_backup_service(Some("elsewhere")).await.unwrap(), None);

        assert!(catalog.set_service_enabled(BACKUP_BINARY, "lab", false, Some("moving")).await.unwrap());
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        assert_eq!(catalog.usable_backup_service(None).await.unwrap(), None);
        let listed = catalog.list_services(Some(BACKUP_BINARY), None).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].disabled && listed[0].up);
        assert_eq!(listed[0].disabled_reason.as_deref(), Some("moving"));

        assert!(catalog.set_service_enabled(BACKUP_BINARY, "lab", true, None).await.unwrap());
        assert_eq!(catalog.list_services(None, Some("lab")).await.unwrap()[0].disabled_reason, None);
        sqlx::query("UPDATE services SET heartbeat_at = now() - interval '61 seconds'")
            .execute(&database.sql)
            .await
            .unwrap();
        assert_eq!(catalog.usable_backup_service(None).await.unwrap(), None);
        assert!(catalog.list_services(None, None).await.unwrap().iter().all(|service| !service.up));
        assert!(!catalog.set_service_enabled(BACKUP_BINARY, "nobody", true, None).await.unwrap());
    })
    .await;
}
