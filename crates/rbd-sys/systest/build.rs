//! Writes the comparison of the declarations' values, sizes and offsets with the installed headers.

use std::error::Error;
use std::path::{Path, PathBuf};

const DECLARATIONS: &str = "../src/lib.rs";

fn main() -> Result<(), Box<dyn Error>> {
    let mut tests = ctest::TestGenerator::new();
    tests.header("rbd/librbd.h").header("rados/librados.h").edition(2024).skip_private(true);
    // the headers name their structures by typedef
    tests.rename_struct_ty(|name| Some(name.to_owned()));
    // the headers have no name for it: its shape is compared with the function that takes it
    tests.skip_alias(|alias| alias.ident() == "rbd_diff_callback_t");
    let alone = without_imports(Path::new(&std::env::var("OUT_DIR")?))?;
    ctest::generate_test(&mut tests, alone, "abi.rs")?;
    println!("cargo:rerun-if-changed={DECLARATIONS}");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

/// What the declarations import, for a compiler that knows no other crates. Private, so not compared.
const IMPORTS: &str = "
use core::ffi::{c_char, c_int, c_void};
type size_t = usize;
type ssize_t = isize;
type time_t = i64;
struct timespec;
type rados_ioctx_t = *mut c_void;
type rados_t = *mut c_void;
";

/// The declarations with their imports replaced: ctest lets the compiler look at the file alone.
fn without_imports(out: &Path) -> std::io::Result<PathBuf> {
    let text = std::fs::read_to_string(DECLARATIONS)?;
    let kept: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("use ") && !line.starts_with("pub use ")).collect();
    let path = out.join("declarations.rs");
    std::fs::write(&path, kept.join("\n") + IMPORTS)?;
    Ok(path)
}
