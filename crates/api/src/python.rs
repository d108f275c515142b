//! Values as Python writes them: the reference's messages quote what was sent in Python's notation, and
//! clients compare the messages (API spec 8.2).

use std::fmt::Write;

use serde_json::{Number, Value};

/// A value as `repr()` writes it.
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

/// A value as `str()` writes it: as [`repr`], but a text is itself.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// A text as `repr()` writes it.
pub(crate) fn repr_text(text: &str) -> String {
    let mut out = String::new();
    write_text(&mut out, text);
    out
}

/// Texts as `', '.join(repr(x) for x in texts)` writes them.
pub(crate) fn repr_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(repr_text).collect::<Vec<_>>().join(", ")
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_text(out, key);
                out.push_str(": ");
                write_repr(out, member);
            }
            out.push('}');
        }
    }
}

fn write_number(out: &mut String, number: &Number) {
    if let (false, Some(float)) = (number.is_i64() || number.is_u64(), number.as_f64()) {
        let plain = format!("{float:?}");
        match plain.split_once('e') {
            // Python: a sign and at least two digits
            Some((mantissa, exponent)) => {
                let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                _ = write!(out, "{}e{sign}{digits:0>2}", mantissa.strip_suffix(".0").unwrap_or(mantissa));
            }
            None => out.push_str(&plain),
        }
    } else {
        _ = write!(out, "{number}");
    }
}

fn write_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char == quote => {
                out.push('\\');
                out.push(char);
            }
            char if is_printable(char) => out.push(char),
            char => {
                let code = u32::from(char);
                _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Whether Python's `str.isprintable()` holds, up to code points that newer editions of Unicode assign.
pub(crate) fn is_printable(char: char) -> bool {
    if char == ' ' {
        return true;
    }
    if char.is_control() || (char.is_whitespace()) {
        return false;
    }
    !matches!(u32::from(char),
        // format characters
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e | 0x200b..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x2064 | 0x2065..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0x110bd | 0x110cd
        | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0001 | 0xe0020..=0xe007f
        // private use and what is no character
        | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xf_0000..=0x10_ffff)
        && u32::from(char) & 0xfffe != 0xfffe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values() {
        for (value, expected) in [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!([false, 1, -2, "x"]), "[False, 1, -2, 'x']"),
            (json!({"volume_id": "v", "bogus": {"a": []}}), "{'volume_id': 'v', 'bogus': {'a': []}}"),
            (json!({}), "{}"),
            (json!(1.5), "1.5"),
            (json!(2.0), "2.0"),
            (json!(1e16), "1e+16"),
            (json!(1.25e-7), "1.25e-07"),
            (json!(1e300), "1e+300"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(repr(&value), expected);
        }
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            ("plain", "'plain'"),
            ("it's", "\"it's\""),
            ("it's \"so\"", "'it\\'s \"so\"'"),
            ("a\\b\n\t\r", "'a\\\\b\\n\\t\\r'"),
            ("\u{0}\u{7f}\u{200b}\u{1f600}é", "'\\x00\\x7f\\u200b\u{1f600}é'"),
            ("\u{a0}\u{e0001}", "'\\xa0\\U000e0001'"),
        ] {
            assert_eq!(repr_text(text), expected, "{text:?}");
        }
        assert_eq!(text_of("bare"), "bare");
    }

    fn text_of(raw: &str) -> String {
        text(&json!(raw))
    }
}
