//! Limits, usage, and two requests for the last free place.

use catalog::page::Scope;
use catalog::quotas::{Limit, Resource};
use catalog::types::NewVolumeType;
use catalog::volumes::{CreateRejected, ExtendRejected, Source};
use catalog::{Catalog, ProjectId};

use crate::support::{Database, new_snapshot, new_volume, placement, project, scope, with_database};

async fn limit(catalog: &Catalog, resource: &Resource) -> Limit {
    catalog
        .quotas(&project(), &Scope::Every)
        .await
        .unwrap()
        .into_iter()
        .find(|limit| limit.resource == *resource)
        .unwrap()
}

async fn set(database: &Database, resource: Resource, limit: i32) {
    database.catalog.set_quotas(&project(), &[(resource, limit)]).await.unwrap().unwrap();
}

async fn create(database: &Database) -> Result<(), CreateRejected> {
    let new = new_volume(1);
    let made = database.catalog.create_volume(&new, Source::Empty, &scope(), &placement(), None).await.unwrap();
    made.map(|_| ())
}

#[tokio::test]
async fn two_requests_can_not_both_take_the_last_place() {
    with_database(async |database| {
        set(database, Resource::Volumes, 3).await;
        let create = || Box::pin(create(database));
        let made = tokio::join!(create(), create(), create(), create(), create(), create());
        let made = [made.0, made.1, made.2, made.3, made.4, made.5];
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 3, "{made:?}");
        for refused in made.into_iter().filter_map(Result::err) {
            let CreateRejected::Quota(exceeded) = refused else { panic!("{refused:?}") };
            assert_eq!(exceeded.resource, Resource::Volumes);
            assert_eq!((exceeded.requested, exceeded.limit, exceeded.in_use), (1, 3, 3));
        }
        assert_eq!(limit(&database.catalog, &Resource::Volumes).await.in_use, 3);
        assert_eq!(database.queued().await.len(), 3, "a refused request leaves no job");
    })
    .await;
}

#[tokio::test]
async fn a_growing_volume_counts_with_the_size_it_will_have() {
    with_database(async |database| {
        let (one, other) = (database.available_volume(1).await, database.available_volume(1).await);
        set(database, Resource::Gigabytes, 10).await;
        let scope = scope();
        let (first, second) = tokio::join!(
            database.catalog.extend_volume(one, &scope, 9, false, None),
            database.catalog.extend_volume(other, &scope, 9, false, None),
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let ExtendRejected::Quota(exceeded) = first.and(second).unwrap_err() else { panic!("not the quota") };
        assert_eq!(exceeded.resource, Resource::Gigabytes);
        assert_eq!((exceeded.requested, exceeded.limit, exceeded.in_use), (8, 10, 10));
    })
    .await;
}

#[tokio::test]
async fn error_rows_count_and_deleted_ones_do_not() {
    with_database(async |database| {
        let volume = database.available_volume(4).await;
        database.available_snapshot(volume).await;
        database.set_volume_status(volume, "error").await;
        assert_eq!(limit(&database.catalog, &Resource::Volumes).await.in_use, 1);
        assert_eq!(limit(&database.catalog, &Resource::Gigabytes).await.in_use, 8);
        let of_type = |resource: fn(String) -> Resource| resource("__DEFAULT__".to_owned());
        assert_eq!(limit(&database.catalog, &of_type(Resource::VolumesOfType)).await.in_use, 1);
        assert_eq!(limit(&database.catalog, &of_type(Resource::SnapshotsOfType)).await.in_use, 1);
        assert_eq!(limit(&database.catalog, &of_type(Resource::GigabytesOfType)).await.in_use, 8);

        sqlx::query("UPDATE snapshots SET deleted_at = now()").execute(&database.sql).await.unwrap();
        sqlx::query("UPDATE volumes SET deleted_at = now()").execute(&database.sql).await.unwrap();
        for limit in database.catalog.quotas(&project(), &Scope::Every).await.unwrap() {
            assert_eq!(limit.in_use, 0, "{}", limit.resource);
        }
    })
    .await;
}

#[tokio::test]
async fn a_project_s_limit_wins_over_the_class_s_and_that_over_the_built_in_one() {
    with_database(async |database| {
        let catalog = &database.catalog;
        assert_eq!(limit(catalog, &Resource::Volumes).await.limit, 10);
        assert_eq!(limit(catalog, &Resource::BackupGigabytes).await.limit, 1000);
        assert_eq!(limit(catalog, &Resource::PerVolumeGigabytes).await.limit, -1);
        catalog.set_quota_class("default", &[(Resource::Volumes, 20)]).await.unwrap();
        catalog.set_quota_class("gold", &[(Resource::Volumes, 30)]).await.unwrap();
        assert_eq!(limit(catalog, &Resource::Volumes).await.limit, 20);
        set(database, Resource::Volumes, 5).await;
        assert_eq!(limit(catalog, &Resource::Volumes).await.limit, 5);
        let other = catalog.quotas(&ProjectId::from("other"), &Scope::Every).await.unwrap();
        assert_eq!(other.iter().find(|limit| limit.resource == Resource::Volumes).unwrap().limit, 20);
        catalog.delete_quotas(&project()).await.unwrap();
        assert_eq!(limit(catalog, &Resource::Volumes).await.limit, 20);
        let gold = catalog.quota_class("gold", &Scope::Every).await.unwrap();
        assert_eq!(gold.iter().find(|limit| limit.resource == Resource::Volumes).unwrap().limit, 30);
    })
    .await;
}

#[tokio::test]
async fn the_types_in_a_quota_set_are_those_that_its_reader_can_see() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let new = NewVolumeType {
            name: "secret".to_owned(),
            description: None,
            is_public: false,
            extra_specs: catalog::Metadata::new(),
        };
        let secret = catalog.create_volume_type(&new).await.unwrap().unwrap().id;
        let named = async |seen: &Scope| {
            let of_project = catalog.quotas(&project(), seen).await.unwrap();
            let default = catalog.default_quotas(seen).await.unwrap();
            let class = catalog.quota_class("gold", seen).await.unwrap();
            let known = catalog.quota_resources(seen).await.unwrap();
            let of_type = Resource::VolumesOfType("secret".to_owned());
            [of_project, default, class]
                .iter()
                .map(|limits| limits.iter().any(|limit| limit.resource == of_type))
                .chain([known.contains(&of_type)])
                .collect::<Vec<_>>()
        };
        assert_eq!(named(&scope()).await, [false; 4]);
        assert_eq!(named(&Scope::Every).await, [true; 4]);
        catalog.add_volume_type_access(secret, &project()).await.unwrap().unwrap();
        assert_eq!(named(&scope()).await, [true; 4]);
        assert_eq!(named(&Scope::Project(ProjectId::from("other"))).await, [false; 4]);
    })
    .await;
}

#[tokio::test]
async fn a_limit_below_what_is_there_is_refused_and_nothing_is_set() {
    with_database(async |database| {
        database.available_volume(4).await;
        let wanted = [(Resource::Volumes, 7), (Resource::Gigabytes, 3)];
        let refused = database.catalog.set_quotas(&project(), &wanted).await.unwrap().unwrap_err();
        assert_eq!(refused.resource, Resource::Gigabytes);
        assert_eq!((refused.in_use, refused.requested), (4, 3));
        assert_eq!(limit(&database.catalog, &Resource::Volumes).await.limit, 10);
        set(database, Resource::Gigabytes, -1).await;
        assert_eq!(limit(&database.catalog, &Resource::Gigabytes).await.limit, -1);
    })
    .await;
}

#[tokio::test]
async fn limits_of_a_type_and_of_one_volume_hold() {
    with_database(async |database| {
        set(database, Resource::PerVolumeGigabytes, 5).await;
        let new = new_volume(6);
        let refused = database.catalog.create_volume(&new, Source::Empty, &scope(), &placement(), None).await.unwrap();
        let CreateRejected::Quota(exceeded) = refused.unwrap_err() else { panic!("not the quota") };
        assert_eq!(exceeded.resource, Resource::PerVolumeGigabytes);

        let volume = database.available_volume(5).await;
        set(database, Resource::SnapshotsOfType("__DEFAULT__".to_owned()), 0).await;
        let refused = database.catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap();
        assert!(refused.is_err());
        assert!(database.queued().await.is_empty());
    })
    .await;
}
