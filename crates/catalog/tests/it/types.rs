//! Volume types.

use catalog::Metadata;
use catalog::page::Scope;
use catalog::types::{DeleteRejected, NewVolumeType, SpecsRejected, TypeChange, WriteRejected};
use catalog::volumes::{CreateRejected, NewVolume, Source};

use crate::support::{new_volume, placement, scope, with_database};

fn named(name: &str) -> NewVolumeType {
    NewVolumeType { name: name.to_owned(), description: None, is_public: true, extra_specs: Metadata::new() }
}

#[tokio::test]
async fn the_default_the_last_and_a_used_type_can_not_be_deleted() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let default = catalog.default_volume_type().await.unwrap().unwrap();
        assert_eq!(catalog.delete_volume_type(default.id).await.unwrap(), Err(DeleteRejected::Last));
        let ssd = catalog.create_volume_type(&named("ssd")).await.unwrap().unwrap();
        assert_eq!(catalog.delete_volume_type(default.id).await.unwrap(), Err(DeleteRejected::Default));

        let new = NewVolume { volume_type: Some("ssd".to_owned()), ..new_volume(1) };
        let volume = catalog.create_volume(&new, Source::Empty, &scope(), &placement(), None).await.unwrap().unwrap();
        assert_eq!(volume.volume_type.as_deref(), Some("ssd"));
        assert_eq!(catalog.delete_volume_type(ssd.id).await.unwrap(), Err(DeleteRejected::InUse));
        sqlx::query("UPDATE volumes SET deleted_at = now()").execute(&database.sql).await.unwrap();
        assert_eq!(catalog.delete_volume_type(ssd.id).await.unwrap(), Ok(()));
        assert_eq!(catalog.delete_volume_type(ssd.id).await.unwrap(), Err(DeleteRejected::NotFound));
        assert!(catalog.create_volume_type(&named("ssd")).await.unwrap().is_ok(), "the name is free again");
    })
    .await;
}

#[tokio::test]
async fn the_default_type_stays_the_default_whatever_it_is_called() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let default = catalog.default_volume_type().await.unwrap().unwrap();
        let renamed = TypeChange { name: Some("bronze".to_owned()), is_public: Some(false), description: None };
        catalog.update_volume_type(default.id, &renamed).await.unwrap().unwrap();
        // another one may take the name, and is not the default for that
        let other = catalog.create_volume_type(&named("__DEFAULT__")).await.unwrap().unwrap();
        assert_eq!(catalog.default_volume_type().await.unwrap().unwrap().id, default.id);
        assert_eq!(database.creating_volume(1).await.volume_type.as_deref(), Some("bronze"));
        assert_eq!(catalog.delete_volume_type(default.id).await.unwrap(), Err(DeleteRejected::Default));
        assert_eq!(catalog.delete_volume_type(other.id).await.unwrap(), Ok(()));
    })
    .await;
}

#[tokio::test]
async fn names_are_unique() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let ssd = catalog.create_volume_type(&named("ssd")).await.unwrap().unwrap();
        assert_eq!(catalog.create_volume_type(&named("ssd")).await.unwrap().unwrap_err(), WriteRejected::NameTaken);
        let taken = TypeChange { name: Some("__DEFAULT__".to_owned()), ..TypeChange::default() };
        assert_eq!(catalog.update_volume_type(ssd.id, &taken).await.unwrap().unwrap_err(), WriteRejected::NameTaken);
        let change = TypeChange { description: Some(Some("fast".to_owned())), is_public: Some(false), name: None };
        let changed = catalog.update_volume_type(ssd.id, &change).await.unwrap().unwrap();
        assert_eq!((changed.name.as_str(), changed.description.as_deref()), ("ssd", Some("fast")));
        assert!(!changed.is_public);
    })
    .await;
}

#[tokio::test]
async fn a_private_type_is_for_administrators_and_for_whom_they_let_use_it() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let private = NewVolumeType { is_public: false, ..named("private") };
        let private = catalog.create_volume_type(&private).await.unwrap().unwrap().id;
        let new = NewVolume { volume_type: Some("private".to_owned()), ..new_volume(1) };
        let by_an_administrator = NewVolume { private_types: true, ..new.clone() };
        let make = async |new| catalog.create_volume(new, Source::Empty, &scope(), &placement(), None).await.unwrap();
        let no_such_type = CreateRejected::NoSuchType("private".to_owned());
        assert_eq!(make(&new).await.unwrap_err(), no_such_type);
        assert!(catalog.volume_type(private, &scope()).await.unwrap().is_none());
        assert!(catalog.volume_type(private, &Scope::Every).await.unwrap().is_some());

        assert_eq!(catalog.add_volume_type_access(private, &new.project).await.unwrap(), Ok(()));
        assert_eq!(make(&new).await.unwrap().volume_type.as_deref(), Some("private"));
        assert!(catalog.volume_type(private, &scope()).await.unwrap().is_some());
        let elsewhere = Scope::Project("elsewhere".into());
        assert!(catalog.volume_type(private, &elsewhere).await.unwrap().is_none());

        assert_eq!(catalog.remove_volume_type_access(private, &new.project).await.unwrap(), Ok(()));
        assert_eq!(make(&new).await.unwrap_err(), no_such_type);
        assert_eq!(make(&by_an_administrator).await.unwrap().volume_type.as_deref(), Some("private"));
    })
    .await;
}

#[tokio::test]
async fn extra_specs_are_merged_and_taken_away() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let ssd = catalog.create_volume_type(&named("ssd")).await.unwrap().unwrap().id;
        let specs = Metadata::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        assert_eq!(catalog.merge_extra_specs(ssd, &specs).await.unwrap(), Ok(()));
        assert_eq!(catalog.delete_extra_spec(ssd, "a").await.unwrap(), Ok(()));
        assert_eq!(catalog.delete_extra_spec(ssd, "a").await.unwrap(), Err(SpecsRejected::NoSuchSpec));
        let left = catalog.volume_type(ssd, &Scope::Every).await.unwrap().unwrap().extra_specs;
        assert_eq!(left, Metadata::from([("b".to_owned(), "2".to_owned())]));
    })
    .await;
}
