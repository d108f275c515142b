//! The query string as a list of pairs.

use percent_encoding::percent_decode_str;

/// Keys and values in the order in which they were sent. Of a repeated key the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a query string; `None` when it is not UTF-8 underneath.
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let decode = |part: &str| Some(percent_decode_str(&part.replace('+', " ")).decode_utf8().ok()?.into_owned());
        let mut pairs = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            pairs.push((decode(key)?, decode(value)?));
        }
        Some(Self(pairs))
    }

    /// The first value of this key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| (own == key).then_some(value))
    }

    /// All pairs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// The words that mean true in a query.
pub(crate) const TRUE: [&str; 6] = ["1", "t", "true", "on", "y", "yes"];
/// The words that mean its opposite.
pub(crate) const FALSE: [&str; 6] = ["0", "f", "false", "off", "n", "no"];

/// Reads a boolean as the reference's strict parser does: a word in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let word = text.trim().to_ascii_lowercase();
    if TRUE.contains(&word.as_str()) { Some(true) } else { FALSE.contains(&word.as_str()).then_some(false) }
}

/// Reads a whole number as Python's `int()` does: blanks around it and a sign are allowed. A number too large
/// for us is the largest that we have.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_query_is_read_or_refused(text: String) {
            let pieces = text.split('&').filter(|piece| !piece.is_empty()).count();
            match Pairs::parse(&text) {
                Some(pairs) => proptest::prop_assert_eq!(pairs.iter().count(), pieces),
                None => proptest::prop_assert!(text.contains('%')),
            }
            boolean(&text);
        }

        #[test]
        fn pairs_that_are_written_are_read(sent: Vec<(String, String)>) {
            let quote = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let query: Vec<String> = sent.iter().map(|(key, value)| format!("{}={}", quote(key), quote(value))).collect();
            let pairs = Pairs::parse(&query.join("&")).unwrap();
            let read: Vec<(String, String)> =
                pairs.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            proptest::prop_assert_eq!(&read, &sent);
            for (key, _) in &sent {
                let first = sent.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
                proptest::prop_assert_eq!(pairs.get(key), first);
            }
        }

        #[test]
        fn a_number_is_itself_or_the_largest(number: i128, text: String) {
            let bounded = i64::try_from(number).unwrap_or(if number < 0 { -i64::MAX } else { i64::MAX }).max(-i64::MAX);
            proptest::prop_assert_eq!(integer(&number.to_string()), Some(bounded));
            proptest::prop_assert_eq!(integer(&format!(" {number}\t")), Some(bounded));
            if integer(&text).is_some() {
                proptest::prop_assert!(text.trim().trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn pairs() {
        let pairs = Pairs::parse("a=1&b=x+y%2Bz&&c&a=2&d=e=f").unwrap();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "x y+z"), ("c", ""), ("a", "2"), ("d", "e=f")]);
        assert_eq!(pairs.get("a"), Some("1"));
        assert_eq!(Pairs::parse("a=%ff"), None);
    }

    #[test]
    fn integers() {
        for (text, value) in [("3", Some(3)), ("+3", Some(3)), (" 3 ", Some(3)), ("-1", Some(-1)), ("", None)] {
            assert_eq!(integer(text), value, "{text:?}");
        }
        for text in ["x", "+", "-", "3.0", "0x3", "٣", "1 2"] {
            assert_eq!(integer(text), None, "{text:?}");
        }
        assert_eq!(integer("252452434242342434252452434242342434"), Some(i64::MAX));
    }
}
