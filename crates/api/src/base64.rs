//! Base64 as Python's lenient decoder reads it: characters outside the alphabet are passed over, text behind
//! the padding is not looked at, and only a wrong padding is wrong (API spec 3.4).

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

/// Encodes in the standard alphabet, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes leniently; `None` when the padding is wrong.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut have, mut padding) = (0_u32, 0_usize, 0_usize);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                if have >= 2 && have + padding >= 4 {
                    return Some(out);
                }
                continue;
            }
            _ => continue,
        };
        padding = 0;
        bits = (bits << 6) | u32::from(value);
        have += 1;
        if have >= 2 {
            // each character behind the first of its group of four completes a byte
            let spare = 8 - have * 2;
            out.push(u8::try_from((bits >> spare) & 0xff).ok()?);
        }
        if have == 4 {
            (bits, have) = (0, 0);
        }
    }
    (have == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let letters = text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).count();
            if let Some(bytes) = decode(&text) {
                proptest::prop_assert!(bytes.len() * 4 <= letters * 3);
            }
        }

        #[test]
        fn what_is_written_is_read_with_anything_between(bytes: Vec<u8>, junk in "[ \n\\-_.,!é]{0,5}") {
            let noisy: String = encode(&bytes).chars().flat_map(|char| junk.chars().chain([char])).collect();
            proptest::prop_assert_eq!(decode(&noisy), Some(bytes));
        }
    }

    #[test]
    fn as_python_reads() {
        for (text, expected) in [
            ("", Some("")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm 9v\nYg = =", Some("foob")),
            ("!!!!", Some("")),
            ("Zm9vYg==Zm9v", Some("foob")),
            ("Zm9vYg", None),
            ("Zm9vY", None),
            ("Zm9vYg=", None),
            ("fake", Some("}\u{a9}\u{1e}")),
        ] {
            let expected =
                expected.map(|text| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>());
            assert_eq!(decode(text), expected, "{text:?}");
        }
        for length in 0..64_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
