//! Microversions: which edition of the API a request speaks (API spec 1.2, 1.3).

use std::fmt;

use axum::http::HeaderMap;

/// The request's header, and the name of the answer's.
pub(crate) const HEADER: &str = "openstack-api-version";

/// A version `3.x` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Microversion(u16);

/// Why a request's version was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionError {
    /// The header is not about us, or not two words.
    Malformed,
    /// The version is not of the form `N.N`.
    Format(String),
    /// The version is none of ours.
    Unsupported(String),
}

impl Microversion {
    /// The oldest, and what a request without the header speaks.
    pub(crate) const MIN: Self = Self(0);
    /// The newest.
    pub(crate) const MAX: Self = Self(71);

    /// The version `3.minor`.
    pub(crate) const fn v3(minor: u16) -> Self {
        Self(minor)
    }

    /// Every version, the oldest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (Self::MIN.0..=Self::MAX.0).map(Self)
    }

    /// What the request's headers ask for.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, VersionError> {
        let mut lines = headers.get_all(HEADER).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self::MIN);
        }
        let mut all = String::new();
        for line in lines {
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(line.to_str().map_err(|_| VersionError::Malformed)?);
        }
        Self::from_header(&all)
    }

    /// Reads the header's text: of a list, the first element that has `volume` in it counts, and must be two
    /// words.
    fn from_header(text: &str) -> Result<Self, VersionError> {
        let ours = text.split(',').find(|element| element.contains("volume")).ok_or(VersionError::Malformed)?;
        let mut words = ours.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(_), Some(version), None) => Self::from_version(version),
            _ => Err(VersionError::Malformed),
        }
    }

    fn from_version(text: &str) -> Result<Self, VersionError> {
        if text == "latest" {
            return Ok(Self::MAX);
        }
        let format = || VersionError::Format(text.to_owned());
        let (major, minor) = text.split_once('.').ok_or_else(format)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(major) || major.starts_with('0') || !digits(minor) || (minor.len() > 1 && minor.starts_with('0')) {
            return Err(format());
        }
        match minor.parse() {
            Ok(minor) if major == "3" && Self(minor) <= Self::MAX => Ok(Self(minor)),
            _ => Err(VersionError::Unsupported(text.to_owned())),
        }
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_read_is_what_was_written(minor in 0..=Microversion::MAX.0, before in "([a-z]{1,8} [0-9.]{1,6},){0,3}") {
            proptest::prop_assume!(!before.contains("volume"));
            let version = Microversion(minor);
            let header = format!("{before}volume {version}, volume 3.0");
            proptest::prop_assert_eq!(Microversion::from_header(&header), Ok(version));
        }

        #[test]
        fn any_header_is_read_or_refused(bytes: Vec<u8>, version in "\\PC{0,12}|[0-9]{1,3}\\.[0-9]{1,22}|latest") {
            let mut headers = HeaderMap::new();
            if let Ok(value) = axum::http::HeaderValue::from_bytes(&bytes) {
                headers.insert(HEADER, value);
                if let Ok(version) = Microversion::from_headers(&headers) {
                    proptest::prop_assert!(version <= Microversion::MAX);
                }
            }
            match Microversion::from_header(&format!("volume {version}")) {
                Ok(read) => proptest::prop_assert!(version.trim() == "latest" || version.trim() == read.to_string()),
                // the client is told what it sent
                Err(VersionError::Format(asked) | VersionError::Unsupported(asked)) => {
                    proptest::prop_assert!(version.contains(&asked));
                }
                Err(VersionError::Malformed) => {
                    proptest::prop_assert!(version.contains(',') || version.split_whitespace().count() != 1);
                }
            }
        }
    }

    #[test]
    fn what_is_accepted() {
        for (text, minor) in [
            ("volume 3.0", 0),
            ("volume 3.71", 71),
            ("volume latest", 71),
            ("volume 3.0, compute 2.22, identity 2.3", 0),
            ("compute 2.22,volume 3.17", 17),
            ("volume 3.5, volume 3.6", 5),
            ("volumev3 3.43", 43),
            (" volume \t 3.9 ", 9),
        ] {
            assert_eq!(Microversion::from_header(text), Ok(Microversion(minor)), "{text:?}");
        }
    }

    #[test]
    fn what_is_not() {
        let format = |text: &str| VersionError::Format(text.to_owned());
        let unsupported = |text: &str| VersionError::Unsupported(text.to_owned());
        for (text, error) in [
            ("", VersionError::Malformed),
            ("compute 2.22, identity 2.3", VersionError::Malformed),
            ("VOLUME 3.17", VersionError::Malformed),
            ("volume", VersionError::Malformed),
            ("volume 3.0 3.1", VersionError::Malformed),
            ("volume 2.0.1", format("2.0.1")),
            ("volume 3", format("3")),
            ("volume abc", format("abc")),
            ("volume LATEST", format("LATEST")),
            ("volume 3.01", format("3.01")),
            ("volume 03.1", format("03.1")),
            ("volume 3.", format("3.")),
            ("volume 4.0", unsupported("4.0")),
            ("volume 2.0", unsupported("2.0")),
            ("volume 3.72", unsupported("3.72")),
            ("volume 3.99999999999999999999", unsupported("3.99999999999999999999")),
        ] {
            assert_eq!(Microversion::from_header(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn without_a_header_it_is_the_oldest() {
        assert_eq!(Microversion::from_headers(&HeaderMap::new()), Ok(Microversion::MIN));
        let mut headers = HeaderMap::new();
        headers.append(HEADER, axum::http::HeaderValue::from_static("compute 2.1"));
        headers.append(HEADER, axum::http::HeaderValue::from_static("volume 3.4"));
        assert_eq!(Microversion::from_headers(&headers), Ok(Microversion(4)));
    }
}
