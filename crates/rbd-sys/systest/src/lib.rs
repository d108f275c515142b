//! The declarations of `rbd-sys` are those of the installed `rbd/librbd.h` and `rados/librados.h`.
//!
//! There is nothing here but tests. Two comparisons, because neither sees all: `ctest` looks at sizes, offsets,
//! signedness and values, and that each function exists; a C compiler looks at the functions' signatures, which
//! `ctest` does not.

/// What `build.rs` wrote.
#[cfg(test)]
#[expect(unsafe_code, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction, reason = "written by ctest")]
mod generated {
    use rbd_sys::*;

    include!(concat!(env!("OUT_DIR"), "/abi.rs"));

    /// How many comparisons were made. Panics when one failed.
    pub(crate) fn compare() -> usize {
        main();
        NTESTS.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use quote::ToTokens;
    use syn::{FnArg, ForeignItem, ForeignItemFn, GenericArgument, Item, PathArguments, ReturnType, Type, TypeBareFn};

    const DECLARATIONS: &str = include_str!("../../src/lib.rs");

    /// Fewer would mean that something was not looked at.
    const FUNCTIONS: usize = 40;

    #[test]
    fn sizes_offsets_and_values_are_those_of_the_headers() {
        assert!(super::generated::compare() > 100);
    }

    #[test]
    fn signatures_are_those_of_the_headers() {
        let declared = in_c(DECLARATIONS);
        assert!(declared.matches(");\n").count() > FUNCTIONS, "{declared}");
        compile(&declared).unwrap();
    }

    #[test]
    fn a_wrong_signature_is_found() {
        for (right, wrong) in [
            ("len: size_t, exists: c_int", "len: u32, exists: c_int"), // an argument of a callback
            ("size: u64, opts: rbd_image_options_t", "size: u32, opts: rbd_image_options_t"),
            ("fn rbd_close(image: rbd_image_t) -> c_int", "fn rbd_close(image: rbd_image_t)"),
            (
                "fn rbd_aio_get_return_value(c: rbd_completion_t) -> ssize_t",
                "fn rbd_aio_get_return_value(c: rbd_completion_t) -> c_int",
            ),
            ("buf: *const c_char", "buf: *mut c_char"),
            ("fn rbd_flatten(image: rbd_image_t)", "fn rbd_flatten(image: rbd_image_t, more: c_int)"),
        ] {
            assert!(DECLARATIONS.contains(right), "{right}");
            let error = compile(&in_c(&DECLARATIONS.replacen(right, wrong, 1))).unwrap_err();
            assert!(error.contains("conflicting types"), "{wrong}: {error}");
        }
    }

    /// Compiles declarations after those of the headers: two declarations of a function must agree.
    fn compile(declarations: &str) -> Result<(), String> {
        let source = format!(
            "#include <stdbool.h>\n#include <time.h>\n#include <rados/librados.h>\n#include <rbd/librbd.h>\n{declarations}"
        );
        let mut compiler = Command::new("cc")
            .args(["-x", "c", "-fsyntax-only", "-Wall", "-Werror", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
        let output = compiler.wait_with_output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// The functions, and the callbacks that the headers have no name for, as C declares them.
    fn in_c(rust: &str) -> String {
        let mut c = String::new();
        for item in syn::parse_file(rust).unwrap().items {
            match item {
                Item::Type(alias) if alias.ident == "rbd_diff_callback_t" => {
                    let (output, inputs) = callback(&alias.ty);
                    writeln!(c, "typedef {output} (*{})({inputs});", alias.ident).unwrap();
                }
                Item::ForeignMod(block) => {
                    for item in block.items {
                        let ForeignItem::Fn(function) = item else { panic!("not a function") };
                        writeln!(c, "{}", function_in_c(&function)).unwrap();
                    }
                }
                _ => {}
            }
        }
        c
    }

    fn function_in_c(function: &ForeignItemFn) -> String {
        let inputs: Vec<String> = function
            .sig
            .inputs
            .iter()
            .map(|input| match input {
                FnArg::Typed(input) => type_in_c(&input.ty),
                FnArg::Receiver(_) => panic!("C has no methods"),
            })
            .collect();
        format!("{} {}({});", output_in_c(&function.sig.output), function.sig.ident, list(&inputs))
    }

    fn output_in_c(output: &ReturnType) -> String {
        match output {
            ReturnType::Default => "void".to_owned(),
            ReturnType::Type(_, ty) => type_in_c(ty),
        }
    }

    fn list(types: &[String]) -> String {
        if types.is_empty() { "void".to_owned() } else { types.join(", ") }
    }

    /// The result and the arguments of `Option<unsafe extern "C" fn(…) -> …>`.
    fn callback(ty: &Type) -> (String, String) {
        let Type::Path(option) = ty else { panic!("{}", ty.to_token_stream()) };
        let PathArguments::AngleBracketed(inner) = &option.path.segments[0].arguments else { panic!("no Option") };
        let GenericArgument::Type(Type::BareFn(TypeBareFn { inputs, output, .. })) = &inner.args[0] else {
            panic!("no function")
        };
        let inputs: Vec<String> = inputs.iter().map(|input| type_in_c(&input.ty)).collect();
        (output_in_c(output), list(&inputs))
    }

    fn type_in_c(ty: &Type) -> String {
        match ty {
            Type::Ptr(pointer) if pointer.mutability.is_some() => format!("{} *", type_in_c(&pointer.elem)),
            Type::Ptr(pointer) => format!("{} const *", type_in_c(&pointer.elem)),
            Type::Path(path) => {
                let name = path.path.require_ident().unwrap().to_string();
                match name.as_str() {
                    "c_int" => "int",
                    "c_char" => "char",
                    "c_void" => "void",
                    "u8" => "uint8_t",
                    "u32" => "uint32_t",
                    "u64" => "uint64_t",
                    "i64" => "int64_t",
                    "timespec" => "struct timespec",
                    same => same,
                }
                .to_owned()
            }
            other => panic!("what is {} in C?", other.to_token_stream()),
        }
    }
}
