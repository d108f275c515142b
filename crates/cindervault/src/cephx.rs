//! Keys of cephx users. librados tells a key that it can not read, in its log, and that may be our standard error: a key
//! is looked at before librados sees it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What stands before the secret: its kind (2 bytes), when it was made (8), its length (2).
const HEAD: usize = 12;

/// Whether a text is a key as `ceph auth get-key` shows it.
pub(crate) fn is_key(text: &str) -> bool {
    let Ok(bytes) = STANDARD.decode(text) else { return false };
    let Some((head, secret)) = bytes.split_at_checked(HEAD) else { return false };
    usize::from(u16::from_le_bytes([head[10], head[11]])) == secret.len() && !secret.is_empty()
}

/// The first line of a keyring, counted from 1, that librados would tell instead of reading it: one with a key that is
/// none, or one that sets what it does not know.
pub(crate) fn bad_line(keyring: &str) -> Option<usize> {
    let bad = |line: &str| {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let Some((name, value)) = line.split_once('=').filter(|_| !line.trim_start().starts_with('[')) else {
            return false; // refused without being told
        };
        match &*name.trim().replace('_', " ").to_ascii_lowercase() {
            "key" | "pending key" => !is_key(value.trim().trim_matches(['"', '\''])),
            "auid" => false,
            name => !name.starts_with("caps"),
        }
    };
    keyring.lines().position(bad).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AQAIdwNrUVecFhAAG1DUSoBHuUcySONv/l4BBg==";

    #[test]
    fn a_key_is_told_from_other_texts() {
        assert!(is_key(KEY));
        for other in ["", "planted", "AQ==", "AQAIdwNrUVecFhAAG1DUSoBHuUcySONv/l4B", &KEY[1..], &format!("{KEY}x")] {
            assert!(!is_key(other), "{other}");
        }
    }

    #[test]
    fn keyrings_as_ceph_writes_them_are_good_and_others_are_told_by_their_line() {
        let good = format!(
            "# of a test\n[client.a]\n\tkey = {KEY}\n\tcaps mon = \"profile rbd\"\n[client.b]\nkey=\"{KEY}\" ; x\n"
        );
        assert_eq!(bad_line(&good), None);
        assert_eq!(bad_line(""), None);
        for (line, text) in [
            (6, good.replace(&format!("\"{KEY}\""), "planted")),
            (3, good.replacen("key =", "kye =", 1)),
            (3, good.replacen(KEY, "", 1)),
        ] {
            assert_eq!(bad_line(&text), Some(line), "{text}");
        }
    }
}
