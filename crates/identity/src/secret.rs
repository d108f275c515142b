//! Words that must not be seen.

/// A password or a token. It can be neither shown nor logged: it has no `Debug` and no `Display`, and what
/// holds one has to say what of it may be seen.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a word.
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The word, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}
