//! Looking at one volume: what is on Ceph, then what the records say, and whether a job was there meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use catalog::backups::Status;
use catalog::reconcile::{Named, Record, Records};
use catalog::{Catalog, VolumeId};
use chain::scan::Purpose;
use chain::{BaseRef, scan};
use rbd::Pool;
use uuid::Uuid;

use super::classify::Seen;
use crate::JobError;
use crate::jobs::base_of;

/// Where to look, and what the pools list.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) volumes: Pool,
    /// The pool that backups are in whose records name none.
    pub(super) default_container: String,
    /// The pools of backups, by their names.
    pub(super) backups: BTreeMap<String, Pool>,
    /// The bases of each volume that were listed, by their pools.
    pub(super) bases: BTreeMap<Uuid, Vec<(String, String)>>,
    /// The backups of each volume whose metadata objects were listed, by their pools.
    pub(super) metadata: BTreeMap<Uuid, Vec<(String, Uuid)>>,
}

/// What was seen of a volume.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) seen: Seen,
    pub(super) records: Records,
    /// The pools in which a live backup was found.
    pub(super) proven: BTreeSet<String>,
}

/// Looks at a volume. `None` where a job worked on it, or is about to: then what was seen means nothing.
pub(super) async fn look(catalog: &Catalog, places: &Places, volume: Uuid) -> Result<Option<Sight>, JobError> {
    let since = catalog.now().await?;
    let volumes_pool = places.volumes.name().to_owned();
    let mut seen = Seen { volume, volumes_pool, ..Seen::default() };
    seen.image = scan::volume(&places.volumes, volume).await?;
    for (pool, name) in places.bases.get(&volume).into_iter().flatten() {
        if let Some(base) = scan::base(&places.backups[pool], name).await? {
            seen.bases.push((pool.clone(), base));
        }
    }
    let objects = places.metadata.get(&volume).map(Vec::as_slice).unwrap_or_default();
    for (pool, backup) in objects {
        if let Some(written) = scan::metadata_written(&places.backups[pool], *backup).await? {
            seen.metadata.push((pool.clone(), *backup, written));
        }
    }
    let named = named(&seen);
    let records = places.records_of(catalog, volume, &named).await?;
    let mut proven = BTreeSet::new();
    for record in records.backups.iter().filter(|record| is_whole(record, volume)) {
        let Some((pool_name, pool)) = record.container.as_ref().and_then(|name| places.backups.get_key_value(name))
        else {
            continue;
        };
        let there = seen
            .bases
            .iter()
            .any(|(pool, base)| pool == pool_name && base.points.iter().any(|point| point.backup == record.id.0));
        let missing = if there { None } else { scan::what_is_missing(pool, &reference(record)).await? };
        if let Some(why) = missing {
            seen.lost.push((record.id.0, why.to_string()));
            continue;
        }
        proven.insert(pool_name.clone());
        let listed = seen.metadata.iter().any(|(_, backup, _)| *backup == record.id.0);
        if !listed && scan::metadata_written(pool, record.id.0).await?.is_none() {
            seen.without_metadata.push(record.id.0);
        }
    }
    let mut all = named.backups;
    all.extend(records.backups.iter().map(|record| record.id.0));
    let busy = catalog.was_busy(VolumeId(volume), &all, since).await?;
    Ok((!busy).then_some(Sight { seen, records, proven }))
}

/// What is in the names of what was seen.
fn named(seen: &Seen) -> Named {
    let markers = seen.image.iter().flat_map(|image| &image.markers).map(|marker| marker.backup);
    let points = seen.bases.iter().flat_map(|(_, base)| &base.points).map(|point| point.backup);
    let roots = seen.bases.iter().filter_map(|(_, base)| scan::BaseName::parse(&base.name)?.backup);
    let objects = seen.metadata.iter().map(|(_, backup, _)| *backup);
    let all: BTreeSet<Uuid> = markers.chain(points).chain(roots).chain(objects).collect();
    let mut named = Named { backups: all.into_iter().collect(), ..Named::default() };
    for snapshot in seen.image.iter().flat_map(|image| &image.snapshots) {
        match snapshot.purpose {
            Purpose::Snapshot(snapshot) => named.snapshots.push(snapshot),
            Purpose::Copy(volume) => named.copies.push(volume),
        }
    }
    named
}

/// Whether a backup of the volume claims to be whole, and is ours to look for.
fn is_whole(record: &Record, volume: Uuid) -> bool {
    record.volume_id.0 == volume && !record.deleted && record.status == Status::Available && record.is_ours()
}

fn reference(record: &Record) -> BaseRef {
    BaseRef {
        backup: record.id.0,
        volume: record.volume_id.0,
        base: record.placed().and_then(base_of),
        snapshot: record.snapshot_id.map(|id| id.0),
        checksums: record.checksums,
    }
}

impl Places {
    /// Lists what is in the pools. Returns the metadata objects apart of which no record was ever made here.
    pub(super) async fn list(
        catalog: &Catalog,
        volumes: Pool,
        backups: BTreeMap<String, Pool>,
        default_container: &str,
    ) -> Result<(Self, Vec<(String, Uuid, Option<SystemTime>)>), JobError> {
        let default_container = default_container.to_owned();
        let (bases, metadata) = (BTreeMap::new(), BTreeMap::new());
        let mut places = Self { volumes, default_container, backups, bases, metadata };
        let mut unknown = Vec::new();
        for (name, pool) in &places.backups {
            for (volume, bases) in scan::bases(pool).await? {
                places.bases.entry(volume).or_default().extend(bases.into_iter().map(|base| (name.clone(), base)));
            }
            for page in scan::metadata_objects(pool).await?.chunks(PAGE) {
                let mut without: BTreeSet<Uuid> = page.iter().copied().collect();
                for (backup, volume) in catalog.volumes_of_backups(page).await? {
                    without.remove(&backup);
                    places.metadata.entry(volume).or_default().push((name.clone(), backup));
                }
                for backup in without {
                    unknown.push((name.clone(), backup, scan::metadata_written(pool, backup).await?));
                }
            }
        }
        Ok((places, unknown))
    }

    /// What the records say of a volume and of what is named there, all live backups in a pool.
    pub(super) async fn records_of(&self, catalog: &Catalog, volume: Uuid, named: &Named) -> Result<Records, JobError> {
        let mut records = catalog.records_of(VolumeId(volume), named).await?;
        in_default_container(&mut records, &self.default_container);
        Ok(records)
    }

    /// Every volume that has an image, a base or a record.
    pub(super) async fn volumes_to_look_at(&self, catalog: &Catalog) -> Result<BTreeSet<Uuid>, JobError> {
        let mut all: BTreeSet<Uuid> = scan::volumes(&self.volumes).await?.into_iter().collect();
        all.extend(self.bases.keys().chain(self.metadata.keys()));
        let mut last = Uuid::nil();
        loop {
            let page = catalog.recorded_volumes(VolumeId(last), i64::try_from(PAGE).unwrap_or(i64::MAX)).await?;
            let Some(end) = page.last() else { return Ok(all) };
            last = *end;
            all.extend(page);
        }
    }
}

/// An imported record may name no pool: its backup is read from the default one, and is nobody's orphan there. A deleted
/// one that names none proves nothing.
pub(super) fn in_default_container(records: &mut Records, default_container: &str) {
    for record in records.backups.iter_mut().filter(|record| !record.deleted) {
        if record.container.as_ref().is_none_or(String::is_empty) {
            record.container = Some(default_container.to_owned());
        }
    }
}

/// How many rows are asked for at once.
const PAGE: usize = 1000;
