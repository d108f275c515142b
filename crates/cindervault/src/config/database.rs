//! `database.url`, which may hold a password.

/// What may follow the question mark. Another name would be told in the log together with its value, which may be a
/// password whose name was misspelled.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Databases that somebody may name who comes from another service: only these are told again.
const OTHERS: &[&str] = &["mysql", "mariadb", "sqlite", "postgres", "postgresql", "mssql", "oracle"];

/// Whether there is a password in a URL.
pub(crate) fn has_password(url: &str) -> bool {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    // a password may have a question mark in it
    let in_front = [address, url].into_iter().any(|text| {
        let user = text.rsplit_once('@').map_or("", |(user, _)| user);
        user.split_once("://").map_or(user, |(_, user)| user).contains(':')
    });
    in_front || parameters(url).any(|(name, value)| name == "password" && !value.is_empty())
}

/// Everything that can be seen to be wrong with a URL, none of which tells more of it than names.
pub(super) fn problems(url: &str, problems: &mut Vec<String>) {
    const WANTED: &str = "postgres://user:password@host/database";
    if url.is_empty() {
        problems.push(format!("database.url is missing: {WANTED}"));
        return;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    if !matches!(scheme, "postgres" | "postgresql") {
        let is = match scheme.split('+').next().unwrap_or_default() {
            "" => "without a scheme".to_owned(),
            kind if OTHERS.contains(&kind) => format!("{scheme}://"),
            _ => "of another scheme".to_owned(),
        };
        problems.push(format!(
            "database.url must be of Postgres, {WANTED}, and not {is}: no other database can be used, Cinder's own is not"
        ));
        return;
    }
    let address = rest.split('?').next().unwrap_or_default();
    if address.split_once('/').is_some_and(|(_, path)| path.contains('@')) {
        problems.push(
            "database.url has an @ behind a slash: in a user's name or password write / as %2F, @ as %40, : as %3A, ? as %3F"
                .to_owned(),
        );
    }
    for (name, _) in parameters(url) {
        let known = PARAMETERS.contains(&name) || name.starts_with("options[") && name.ends_with(']');
        if !known && is_name(name) {
            problems.push(format!("database.url: {name} is not known here (known are: {})", PARAMETERS.join(", ")));
        } else if !known {
            problems.push("database.url: what follows the ? must be name=value&name=value".to_owned());
        }
    }
}

/// The names and values that follow the question mark; what has no value has no name either.
fn parameters(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or(("", pair)))
}

/// Whether a text looks like the name of a parameter, and may be told.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        let mut found = Vec::new();
        problems(url, &mut found);
        found.join("\n")
    }

    #[test]
    fn a_password_is_found_wherever_it_may_stand() {
        for url in
            ["postgres://u:p@h/d", "postgres://u:a?b@h/d", "postgres://u:a/b@h/d", "postgres://h/d?user=u&password=p"]
        {
            assert!(has_password(url), "{url}");
        }
        for url in ["", "postgres://u@h:5432/d", "postgres://h:5432/d?user=u&password=", "postgres:///d?host=/run"] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn parameters_are_known_or_refused_by_name_and_values_are_never_told() {
        assert_eq!(told("postgres://u:p@h:5432/d?sslmode=verify-full&sslrootcert=/x&options[lock_timeout]=5s"), "");
        for (query, said) in [
            ("user=u&pasword=PLANTED", "pasword is not known here (known are: sslmode, "),
            ("PLANTED", "name=value"),
            ("password=a&PLANTED=b", "name=value"),
        ] {
            let told = told(&format!("postgres://h/d?{query}"));
            assert!(told.contains(said) && !told.contains("PLANTED"), "{told}");
        }
    }

    #[test]
    fn characters_that_end_a_password_too_early_are_told_of() {
        let told = told("postgres://u:1/PLANTED@h/d");
        assert!(told.contains("%2F") && !told.contains("PLANTED"), "{told}");
    }

    #[test]
    fn a_scheme_is_told_only_where_it_is_one() {
        assert!(told("mysql+pymysql://c:PLANTED@db/cinder").contains("not mysql+pymysql://"));
        assert!(!told("PLANTED://:::").contains("PLANTED"));
    }
}
