//! `metadata={'key': 'value'}` in lists: clients send a Python dictionary, some a JSON object.

use catalog::page::Filter;
use serde_json::{Map, Value};

/// The filter for records whose metadata, in this SQL expression, has all of the pairs. A text that is no
/// dictionary of texts matches nothing.
pub(crate) fn filter(sql: &'static str, text: &str) -> Filter {
    match dictionary(text) {
        Some(pairs) => Filter::HasMetadata(sql, pairs),
        None => Filter::Never,
    }
}

/// Reads `{'a': 'b', "c": "d"}`.
fn dictionary(text: &str) -> Option<Map<String, Value>> {
    let mut pairs = Map::new();
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    loop {
        if let Some(end) = rest.strip_prefix('}') {
            return end.trim().is_empty().then_some(pairs);
        }
        let (key, after) = quoted(rest)?;
        let (value, after) = quoted(after.trim_start().strip_prefix(':')?.trim_start())?;
        if key.contains('\0') || value.contains('\0') {
            return None;
        }
        pairs.insert(key, Value::String(value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.starts_with('}') => after,
            None => return None,
        };
    }
}

/// Reads one text in quotes and returns what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('u').filter(|text| text.starts_with(['\'', '"'])).unwrap_or(text);
    let quote = text.chars().next().filter(|char| matches!(char, '\'' | '"'))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.push(escaped(&mut chars)?),
            char if char == quote => return Some((value, text.get(at + 1..)?)),
            char => value.push(char),
        }
    }
    None
}

fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let digits = match chars.next()?.1 {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        char @ ('\\' | '\'' | '"' | '/') => return Some(char),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + chars.next()?.1.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::python;

    /// A text with what is special in quotes.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "['\"\\\\{}:, unxU0-9a-f\n\t]{0,12}"]
    }

    proptest! {
        #[test]
        fn what_python_and_json_write_is_read(sent in prop::collection::btree_map(text(), text(), 0..4)) {
            let sent: Map<String, Value> = sent.into_iter().map(|(key, value)| (key, value.into())).collect();
            let storable = sent.iter().all(|(key, value)| !key.contains('\0') && !value.as_str().unwrap().contains('\0'));
            let value = Value::Object(sent.clone());
            let expected = storable.then_some(sent);
            prop_assert_eq!(dictionary(&python::repr(&value)), expected.clone());
            // JSON has two escapes that Python has not
            let json = value.to_string();
            if !json.contains("\\b") && !json.contains("\\f") {
                prop_assert_eq!(dictionary(&json), expected);
            }
        }

        #[test]
        fn any_text_is_a_dictionary_or_matches_nothing(text in text()) {
            for text in [text.clone(), format!("{{{text}}}"), format!("{{'{text}'")] {
                match (filter("x.metadata", &text), dictionary(&text)) {
                    (Filter::HasMetadata("x.metadata", read), Some(pairs)) => prop_assert_eq!(read, pairs),
                    (Filter::Never, None) => {}
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn dictionaries_as_python_and_json_write_them() {
        for (text, pairs) in [
            ("{}", json!({})),
            ("{'a': 'b'}", json!({"a": "b"})),
            (r#"{"a":"b","c":"it's"}"#, json!({"a": "b", "c": "it's"})),
            ("{u'a' : u'b' , }", json!({"a": "b"})),
            (r"{'a': 'it\'s \u00e9\x41'}", json!({"a": "it's éA"})),
            (" { 'k' : '' } ", json!({"k": ""})),
        ] {
            assert_eq!(dictionary(text).map(Value::Object), Some(pairs), "{text}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "{",
            "}",
            "{'a'}",
            "{'a': 1}",
            "{'a': 'b'",
            "{'a': 'b'} x",
            "{'a' 'b'}",
            "{'a': 'b' 'c': 'd'}",
            "['a']",
            r"{'a': '\q'}",
            r"{'a': '\ud800'}",
            r"{'a': '\U12345678'}",
            "{'a': '\0'}",
            "{,}",
            "{'a': 'b\\",
        ] {
            assert_eq!(dictionary(text), None, "{text}");
        }
    }
}
