//! What is printed for people and programs that started us.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};

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

/// Rows below a header, in columns.
pub(crate) fn table<const N: usize, C: ToString>(header: [&str; N], rows: impl IntoIterator<Item = [C; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| cell.to_string()));
    }
    table.trim_fmt()
}
