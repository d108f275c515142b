//! What a URL's path asks for (API spec 2).

use std::borrow::Cow;

/// What a path names, before any route is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/`: the versions document, as 300.
    Root,
    /// `/healthcheck`.
    Health,
    /// `/openapi.json`: what can be asked.
    Description,
    /// `/v3/`: the versions document.
    Versions,
    /// `/v3`: the way to `/v3/`, for who has a token.
    VersionsUnslashed,
    /// `/v3/` and a project, and nothing behind it: the versions document, for who has a token.
    Project(String),
    /// Something under `/v3`.
    Resource {
        /// The project in the URL.
        project: Option<String>,
        /// The rest, as the route table knows it: `/backups/detail`.
        path: String,
    },
    /// Nothing of ours.
    Nowhere,
}

impl Place {
    /// Reads a path. A first segment behind `/v3` made of hexadecimal digits and dashes is a project; the
    /// rest is the same with and without one. A `.json` at the end means nothing.
    pub(crate) fn of(path: &str) -> Self {
        let rest = match path {
            "/" | "" => return Self::Root,
            "/healthcheck" => return Self::Health,
            "/openapi.json" => return Self::Description,
            "/v3" => return Self::VersionsUnslashed,
            path => match path.strip_prefix("/v3/") {
                Some(rest) => rest,
                None => return Self::Nowhere,
            },
        };
        let (first, behind) = rest.split_once('/').map_or((rest, None), |(first, behind)| (first, Some(behind)));
        let (project, resource) =
            if is_project(first) { (Some(first), behind.unwrap_or_default()) } else { (None, rest) };
        if resource.is_empty() {
            return project.map_or(Self::Versions, |project| Self::Project(project.to_owned()));
        }
        let resource = resource.strip_suffix(".json").unwrap_or(resource);
        Self::Resource { project: project.map(str::to_owned), path: format!("/{resource}") }
    }
}

/// The path with those letters, digits and `-._~` as themselves that were sent percent-encoded: both name the same
/// (RFC 3986, 6.2.2.2). Every other encoded byte stays, so that none becomes a separator; so does a path with a `%` that begins
/// no encoded byte, for what is decoded could make it one.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    let mut pieces = path.split('%');
    let Some(first) = pieces.next().filter(|first| first.len() < path.len()) else { return path.into() };
    let mut normal = String::with_capacity(path.len());
    normal.push_str(first);
    for piece in pieces {
        let Some((digits, behind)) = piece.split_at_checked(2) else { return path.into() };
        // a sign is a number to `from_str_radix`, too
        let byte = digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16));
        match byte {
            Some(Ok(byte)) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
                normal.push_str(behind);
            }
            Some(Ok(_)) => {
                normal.push('%');
                normal.push_str(piece);
            }
            Some(Err(_)) | None => return path.into(),
        }
    }
    normal.into()
}

fn is_project(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(project: Option<&str>, path: &str) -> Place {
        Place::Resource { project: project.map(str::to_owned), path: path.to_owned() }
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_some_place(text in "[^?#]{0,40}|([0-9a-f-]{0,9}/?){0,4}(\\.json)?") {
            Place::of(&text);
            match Place::of(&format!("/v3/{text}")) {
                Place::Versions => proptest::prop_assert!(text.is_empty()),
                Place::Project(project) => {
                    proptest::prop_assert!(is_project(&project));
                    proptest::prop_assert_eq!(text.strip_suffix('/').unwrap_or(&text), project);
                }
                Place::Resource { project, path } => {
                    proptest::prop_assert!(path.starts_with('/'));
                    let project = project.map(|project| format!("/{project}")).unwrap_or_default();
                    let whole = format!("/v3{project}{path}");
                    let sent = format!("/v3/{text}");
                    proptest::prop_assert_eq!(sent.strip_suffix(".json").unwrap_or(&sent), whole);
                }
                other => proptest::prop_assert!(false, "{:?}", other),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_normal_path_means_what_was_sent(text in "(%[0-9a-fA-F]{2}|[%/a-f0-9.~é-]){0,12}") {
            let normal = normal(&text);
            let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<_>>();
            proptest::prop_assert_eq!(decoded(&normal), decoded(&text));
            proptest::prop_assert_eq!(normal.split('/').count(), text.split('/').count());
        }
    }

    #[test]
    fn normal_paths() {
        for (sent, path) in [
            ("/v3/0a/backups", "/v3/0a/backups"),
            ("/%763/%30a/%62acku%70s", "/v3/0a/backups"),
            ("/v3/%41%5A%5a%2d%2E%5F%7e", "/v3/AZZ-._~"),
            // no separators, and nothing twice
            ("/v3%2Fbackups%3fa%23%00%e9", "/v3%2Fbackups%3fa%23%00%e9"),
            ("/v3/%2562ackups", "/v3/%2562ackups"),
            ("/v3/%%36%32ackups", "/v3/%%36%32ackups"),
            ("/v3/%62%+1", "/v3/%62%+1"),
            ("/v3/%62%6", "/v3/%62%6"),
            ("/v3/%62%6é", "/v3/%62%6é"),
        ] {
            assert_eq!(normal(sent), path, "{sent}");
        }
    }

    #[test]
    fn places() {
        for (path, place) in [
            ("/", Place::Root),
            ("/healthcheck", Place::Health),
            ("/openapi.json", Place::Description),
            ("/v3", Place::VersionsUnslashed),
            ("/v3/", Place::Versions),
            ("/v3/0a", Place::Project("0a".to_owned())),
            ("/v3/0a/", Place::Project("0a".to_owned())),
            ("/v2/0a/backups", Place::Nowhere),
            ("/v33", Place::Nowhere),
            ("/v3/backups", resource(None, "/backups")),
            ("/v3/0a-b/backups", resource(Some("0a-b"), "/backups")),
            ("/v3/0a/backups/", resource(Some("0a"), "/backups/")),
            ("/v3/0a/backups.json", resource(Some("0a"), "/backups")),
            ("/v3/0a/backups/detail.json", resource(Some("0a"), "/backups/detail")),
            ("/v3/DEMO/backups", resource(None, "/DEMO/backups")),
            ("/v3/0a/0b/backups", resource(Some("0a"), "/0b/backups")),
            ("/v3//backups", resource(None, "//backups")),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
