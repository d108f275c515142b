//! Links librbd, as Debian's librbd-dev installs it.

fn main() {
    println!("cargo:rustc-link-lib=dylib=rbd");
    println!("cargo:rerun-if-changed=build.rs");
}
