//! What is printed for people and programs that started us.

use std::io::Write;

/// Prints to standard output. A reader that has gone away is no error of ours.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}

/// Prints why the program ends, to standard error.
pub(crate) fn problem(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "cindervault: {text}");
}
