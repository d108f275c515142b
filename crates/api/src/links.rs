//! Links in answers (API spec 4.1, 6.2).

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::query::Pairs;

/// What Python's `quote_plus` leaves alone, besides letters and digits.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Link<H = String> {
    rel: &'static str,
    href: H,
}

/// The `self` and `bookmark` links of a record; they become text where they are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordLinks<'a> {
    links: &'a Links,
    collection: &'static str,
    id: Uuid,
}

impl Serialize for RecordLinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = |rel, version| Link { rel, href: RecordAddress { of: *self, version } };
        [link("self", "/v3"), link("bookmark", "")].serialize(serializer)
    }
}

/// The address of a record, with this version or none in its path.
struct RecordAddress<'a> {
    of: RecordLinks<'a>,
    version: &'static str,
}

impl Serialize for RecordAddress<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RecordLinks { links, collection, id } = self.of;
        let (base, version) = (&links.base, self.version);
        match &links.project {
            Some(project) => serializer.collect_str(&format_args!("{base}{version}/{project}/{collection}/{id}")),
            None => serializer.collect_str(&format_args!("{base}{version}/{collection}/{id}")),
        }
    }
}

/// Where the links of one request's answer point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Links {
    /// Scheme, host and prefix, without a trailing slash and without the version.
    base: String,
    /// The project as it stood in the URL; links carry it only then.
    project: Option<String>,
}

impl Links {
    /// The base is the configured public URL, else where the request was sent to, as far as its headers tell.
    pub(crate) fn of_request(public_url: Option<&str>, headers: &HeaderMap, uri: &Uri) -> Self {
        let base = public_url.map_or_else(|| format!("http://{}", host(headers, uri)), str::to_owned);
        Self { base, project: None }
    }

    /// The same with the project that stood in the URL.
    pub(crate) fn with_project(mut self, project: Option<&str>) -> Self {
        self.project = project.map(str::to_owned);
        self
    }

    /// The API's own address, as in the versions document.
    pub(crate) fn version(&self) -> String {
        format!("{}/v3/", self.base)
    }

    /// The address of a path such as `/backups/detail`.
    fn address(&self, path: &str) -> String {
        let mut address = format!("{}/v3", self.base);
        if let Some(project) = &self.project {
            _ = write!(address, "/{project}");
        }
        address.push_str(path);
        address
    }

    /// The `self` and `bookmark` links of a record: `of("backups", id)`.
    pub(crate) fn of(&self, collection: &'static str, id: Uuid) -> RecordLinks<'_> {
        RecordLinks { links: self, collection, id }
    }

    /// The link to the page after the one that ends with `last`: all that was asked, with the marker moved.
    pub(crate) fn next(&self, path: &str, asked: &Pairs, last: impl std::fmt::Display) -> [Link; 1] {
        let mut href = self.address(path);
        let mut separator = '?';
        let last = last.to_string();
        let kept = asked.iter().filter(|(key, _)| *key != "marker");
        for (key, value) in kept.chain([("marker", last.as_str())]) {
            _ = write!(href, "{separator}{}={}", form(key), form(value));
            separator = '&';
        }
        [Link { rel: "next", href }]
    }
}

fn form(text: &str) -> Cow<'_, str> {
    let quoted: Cow<'_, str> = utf8_percent_encode(text, FORM).into();
    if quoted.contains("%20") { quoted.replace("%20", "+").into() } else { quoted }
}

/// The last forwarded host, else the host that the request names; what is no host does not count.
fn host(headers: &HeaderMap, uri: &Uri) -> String {
    // of several lines the last was added by whoever is nearest to us
    let header = |name: &str| headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
    let forwarded = header("x-forwarded-host").and_then(|list| list.rsplit(',').next()).map(str::trim);
    let is_host = |text: &&str| {
        !text.contains('@') && text.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty())
    };
    forwarded
        .filter(is_host)
        .or_else(|| header(HOST.as_str()).filter(is_host))
        .or_else(|| uri.authority().map(Authority::as_str))
        .unwrap_or("localhost")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn hrefs(links: impl IntoIterator<Item = Link>) -> Vec<String> {
        links.into_iter().map(|link| link.href).collect()
    }

    #[test]
    fn the_last_forwarded_host_counts_and_nobody_is_named_before_it() {
        let base = |sent: &[(&'static str, &'static str)]| {
            let mut all = HeaderMap::new();
            for (name, value) in sent {
                all.append(*name, value.parse().unwrap());
            }
            Links::of_request(None, &all, &Uri::from_static("/")).version()
        };
        let lines = [("host", "own"), ("x-forwarded-host", "evil.example"), ("x-forwarded-host", "a, good.example")];
        assert_eq!(base(&lines), "http://good.example/v3/");
        assert_eq!(base(&[("host", "own"), ("x-forwarded-host", "user@evil.example")]), "http://own/v3/");
    }

    proptest::proptest! {
        #[test]
        fn the_next_page_is_asked_for_as_this_one_was(
            sent in proptest::collection::vec((proptest::prelude::any::<String>(), proptest::prelude::any::<String>()), 0..5),
        ) {
            let quote = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let query: Vec<String> = sent.iter().map(|(key, value)| format!("{}={}", quote(key), quote(value))).collect();
            let asked = Pairs::parse(&query.join("&")).unwrap();
            let links = Links::of_request(Some("http://h"), &HeaderMap::new(), &Uri::default());
            let [next] = links.next("/backups", &asked, "last");
            let (path, query) = next.href.split_once('?').unwrap();
            proptest::prop_assert_eq!(path, "http://h/v3/backups");
            proptest::prop_assert!(next.href.parse::<Uri>().is_ok(), "{}", next.href);
            let asked_next = Pairs::parse(query).unwrap();
            let mut expected: Vec<(&str, &str)> = asked.iter().filter(|(key, _)| *key != "marker").collect();
            expected.push(("marker", "last"));
            proptest::prop_assert_eq!(asked_next.iter().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_host_that_is_forwarded_is_one_host(forwarded: Vec<u8>, host: Vec<u8>) {
            let mut headers = HeaderMap::new();
            for (name, bytes) in [("x-forwarded-host", &forwarded), ("host", &host)] {
                if let Ok(value) = axum::http::HeaderValue::from_bytes(bytes) {
                    headers.insert(name, value);
                }
            }
            let links = Links::of_request(None, &headers, &Uri::default()).with_project(Some("0a"));
            let authority = links.version();
            let authority = authority.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/v3/")).unwrap();
            proptest::prop_assert!(authority.parse::<Authority>().is_ok(), "{:?}", authority);
        }
    }

    #[test]
    fn follow_the_request() {
        let id = Uuid::nil();
        let written = |links: &Links| serde_json::to_value(links.of("backups", id)).unwrap();
        let expected = |prefix: &str| {
            serde_json::json!([
                { "rel": "self", "href": format!("http://h:8776/v3{prefix}/backups/{id}") },
                { "rel": "bookmark", "href": format!("http://h:8776{prefix}/backups/{id}") },
            ])
        };
        let links = Links::of_request(None, &headers(&[("host", "h:8776")]), &Uri::default());
        assert_eq!(written(&links), expected(""));
        assert_eq!(written(&links.with_project(Some("0a"))), expected("/0a"));
    }

    #[test]
    fn the_last_forwarded_host_wins_over_the_host() {
        let headers = headers(&[("host", "h"), ("x-forwarded-host", "a, b:80")]);
        assert_eq!(Links::of_request(None, &headers, &Uri::default()).version(), "http://b:80/v3/");
        for (forwarded, host) in
            [("", "h"), ("a, ", "h"), ("no host", "h"), ("<script>", "h"), ("a/b", "h"), (":80", "h")]
        {
            let headers = [("host", host), ("x-forwarded-host", forwarded)];
            let headers =
                headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(Links::of_request(None, &headers, &Uri::default()).version(), "http://h/v3/", "{forwarded}");
        }
        let public = Some("https://cloud/volume");
        assert_eq!(Links::of_request(public, &headers, &Uri::default()).version(), "https://cloud/volume/v3/");
    }

    #[test]
    fn next_keeps_what_was_asked_and_moves_the_marker_to_the_end() {
        let links = Links::of_request(None, &headers(&[("host", "h")]), &Uri::default()).with_project(Some("p"));
        let asked = Pairs::parse("limit=2&marker=x&sort=created_at:asc&name~=a%20b%2Fc&limit=3").unwrap();
        assert_eq!(
            hrefs(links.next("/backups/detail", &asked, "y")),
            ["http://h/v3/p/backups/detail?limit=2&sort=created_at%3Aasc&name~=a+b%2Fc&limit=3&marker=y"]
        );
    }
}
