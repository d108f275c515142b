//! The list in `clippy.toml` of what only `chain::mutation` may call is kept by hand; it must be whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What changes nothing that others see.
const READS: &str = "
    Cluster::address Cluster::connect Cluster::fsid Cluster::is Cluster::latest_map Cluster::pool
    Image::close Image::created Image::diff Image::differences Image::features Image::half_removed_snapshots Image::id
    Image::is_protected Image::layout Image::lockers Image::metadata Image::metadata_keys Image::parent_overlap Image::path Image::pool
    Image::read Image::size Image::snapshot_is_whole Image::snapshot_time Image::snapshots Image::youngest_snapshot
    Pool::cluster Pool::ids_of Pool::images Pool::is_trashed Pool::look Pool::name Pool::object_exists Pool::object_size
    Pool::object_time Pool::objects Pool::open Pool::open_read_only Pool::open_trashed Pool::read_object Pool::trash
";

/// The public methods of a file's `impl` blocks, as `Type::method`.
fn methods(source: &str) -> impl Iterator<Item = String> {
    let mut of = None;
    source.lines().filter_map(move |line| {
        if let Some(name) = line.strip_prefix("impl ").and_then(|rest| rest.strip_suffix(" {")) {
            of = ["Cluster", "Pool", "Image"].into_iter().find(|known| *known == name);
        }
        let signature = line.strip_prefix("    pub ")?;
        let (_, name) = signature.split_once("fn ")?;
        Some(format!("{}::{}", of?, name.split(['(', '<']).next()?))
    })
}

#[test]
fn every_method_only_reads_or_is_disallowed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there = BTreeSet::new();
    for file in fs::read_dir(here.join("src")).unwrap() {
        there.extend(methods(&fs::read_to_string(file.unwrap().path()).unwrap()));
    }
    let list = fs::read_to_string(here.join("../../clippy.toml")).unwrap();
    let disallowed: Vec<&str> =
        list.lines().filter_map(|line| line.trim().strip_prefix("{ path = \"rbd::")?.split('"').next()).collect();
    let known: Vec<String> = READS.split_whitespace().chain(disallowed).map(str::to_owned).collect();
    let once: BTreeSet<String> = known.iter().cloned().collect();
    assert_eq!(known.len(), once.len(), "each is in one of the lists, and once: {known:?}");
    assert_eq!(there, once, "what is new changes something, or does not");
}
