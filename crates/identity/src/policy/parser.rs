//! The policy language, read: what operators know from oslo.policy.
//!
//! `role:admin or (role:member and project_id:%(project_id)s)`, and the older form of lists in lists, of which
//! the outer one means `or` and the inner ones `and`. What oslo.policy takes for a rule that nobody passes and
//! a line in the log, because it is no expression, is an error here: an operator who mistyped wants to know.

use std::fmt;

use crate::policy::expression::{Attribute, Check, Piece, Template};

/// How deep parentheses may be nested. Nobody can read a tenth of it.
const MAX_DEPTH: usize = 50;

/// Why an expression is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("there are only blanks; write \"\" if everybody may pass, \"!\" if nobody may")]
    Blank,
    #[error("a check is missing at the end")]
    EndsEarly,
    #[error("`{0}` stands where a check is expected")]
    NoCheck(String),
    #[error("`and` or `or` is missing before `{0}`")]
    NoOperator(String),
    #[error("a `)` has no `(`")]
    NotOpened,
    #[error("a `(` has no `)`")]
    NotClosed,
    #[error("`{0}` is no check: those are kind:match, such as role:admin, and `@` and `!`")]
    NotACheck(String),
    #[error("`{0}`: checks that ask another server are not supported")]
    Remote(String),
    #[error("`{0}`: a `%` stands only in %(name)s, or twice for itself")]
    Template(String),
    #[error("parentheses are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    #[error("`{0}` is neither a text nor a list of texts")]
    NotText(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    And(&'a str),
    Or(&'a str),
    Not(&'a str),
    Check(&'a str),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::And(word) | Self::Or(word) | Self::Not(word) | Self::Check(word) => word,
        })
    }
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Check, ParseError> {
    if text.is_empty() {
        return Ok(Check::Always);
    }
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Err(ParseError::Blank);
    }
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let check = parser.either()?;
    match parser.tokens {
        [] => Ok(check),
        [Token::Close, ..] => Err(ParseError::NotOpened),
        [next, ..] => Err(ParseError::NoOperator(next.to_string())),
    }
}

/// Reads the older form: one of the inner lists has to pass, in which all checks have to. A check may stand
/// in the outer list by itself; empty inner lists do not count.
pub(crate) fn parse_lists(lists: &[Vec<String>]) -> Result<Check, ParseError> {
    if lists.is_empty() {
        return Ok(Check::Always);
    }
    let mut any = Vec::new();
    for list in lists.iter().filter(|list| !list.is_empty()) {
        any.push(all(list.iter().map(|text| check(text)).collect::<Result<_, _>>()?));
    }
    Ok(if any.is_empty() { Check::Never } else { self::any(any) })
}

/// Words are split at blanks; parentheses count at their ends only, since a template has some inside.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let rest = word.trim_start_matches('(');
        tokens.extend(std::iter::repeat_n(Token::Open, word.len() - rest.len()));
        let core = rest.trim_end_matches(')');
        if !core.is_empty() {
            tokens.push(if core.eq_ignore_ascii_case("and") {
                Token::And(core)
            } else if core.eq_ignore_ascii_case("or") {
                Token::Or(core)
            } else if core.eq_ignore_ascii_case("not") {
                Token::Not(core)
            } else {
                Token::Check(core)
            });
        }
        tokens.extend(std::iter::repeat_n(Token::Close, rest.len() - core.len()));
    }
    tokens
}

struct Parser<'t> {
    tokens: &'t [Token<'t>],
    depth: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    /// `… or …`, which binds less than `and`.
    fn either(&mut self) -> Result<Check, ParseError> {
        let mut checks = vec![self.both()?];
        while let [Token::Or(_), ..] = self.tokens {
            self.next();
            checks.push(self.both()?);
        }
        Ok(any(checks))
    }

    /// `… and …`
    fn both(&mut self) -> Result<Check, ParseError> {
        let mut checks = vec![self.one()?];
        while let [Token::And(_), ..] = self.tokens {
            self.next();
            checks.push(self.one()?);
        }
        Ok(all(checks))
    }

    /// A check, or an expression in parentheses, with any number of `not` before it.
    fn one(&mut self) -> Result<Check, ParseError> {
        let mut negated = false;
        loop {
            let inner = match self.next().ok_or(ParseError::EndsEarly)? {
                Token::Not(_) => {
                    negated = !negated;
                    continue;
                }
                Token::Check(text) => check(text)?,
                Token::Open => self.parenthesis()?,
                token @ (Token::Close | Token::And(_) | Token::Or(_)) => {
                    return Err(ParseError::NoCheck(token.to_string()));
                }
            };
            return Ok(if negated { Check::Not(Box::new(inner)) } else { inner });
        }
    }

    fn parenthesis(&mut self) -> Result<Check, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError::TooDeep);
        }
        let inner = self.either()?;
        self.depth -= 1;
        match self.next() {
            Some(Token::Close) => Ok(inner),
            Some(token) => Err(ParseError::NoOperator(token.to_string())),
            None => Err(ParseError::NotClosed),
        }
    }
}

fn any(mut checks: Vec<Check>) -> Check {
    if checks.len() == 1 { checks.remove(0) } else { Check::Any(checks) }
}

fn all(mut checks: Vec<Check>) -> Check {
    if checks.len() == 1 { checks.remove(0) } else { Check::All(checks) }
}

/// One check: `kind:match`.
fn check(text: &str) -> Result<Check, ParseError> {
    match text {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => {}
    }
    let (kind, wanted) = text.split_once(':').ok_or_else(|| ParseError::NotACheck(text.to_owned()))?;
    if kind == "rule" {
        return Ok(Check::Rule { name: wanted.to_owned(), place: None });
    }
    if matches!(kind, "http" | "https") {
        return Err(ParseError::Remote(text.to_owned()));
    }
    let wanted = template(wanted).ok_or_else(|| ParseError::Template(text.to_owned()))?;
    Ok(match constant(kind) {
        _ if kind == "role" => Check::Role(wanted),
        Some(text) => Check::Constant { text, wanted },
        None if kind.starts_with(['\'', '"']) || kind.is_empty() => return Err(ParseError::NotACheck(text.to_owned())),
        None => Check::Caller { attribute: Attribute::of(kind), wanted },
    })
}

/// The left side of a check, if it is a constant of Python's: a quoted text, a number, `True`, `False`, `None`.
fn constant(kind: &str) -> Option<String> {
    for quote in ['\'', '"'] {
        if let Some(text) = kind.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return (!text.contains([quote, '\\'])).then(|| text.to_owned());
        }
    }
    let number = kind == "0" || (kind.len() < 16 && kind.bytes().all(|b| b.is_ascii_digit()) && !kind.starts_with('0'));
    (matches!(kind, "True" | "False" | "None") || (number && !kind.is_empty())).then(|| kind.to_owned())
}

/// The right side of a check.
fn template(text: &str) -> Option<Template> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            plain.push('%');
            rest = after;
            continue;
        }
        let (key, after) = after.strip_prefix('(')?.split_once(")s")?;
        if key.contains(['(', ')']) {
            return None;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::of(key));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Some(Template(pieces))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn role(name: &str) -> Check {
        Check::Role(Template(vec![Piece::Text(name.to_owned())]))
    }

    #[test]
    fn precedence() {
        let not = |check| Check::Not(Box::new(check));
        for (text, check) in [
            ("", Check::Always),
            ("@", Check::Always),
            ("!", Check::Never),
            ("role:a", role("a")),
            ("((role:a))", role("a")),
            ("( role:a )", role("a")),
            ("not role:a", not(role("a"))),
            ("NOT not (not role:a)", not(role("a"))), // an even number of negations is none
            ("role:a and role:b or role:c", Check::Any(vec![Check::All(vec![role("a"), role("b")]), role("c")])),
            (
                "role:a or role:b AND not role:c",
                Check::Any(vec![role("a"), Check::All(vec![role("b"), not(role("c"))])]),
            ),
            ("(role:a or role:b) and role:c", Check::All(vec![Check::Any(vec![role("a"), role("b")]), role("c")])),
        ] {
            assert_eq!(parse(text), Ok(check), "{text}");
        }
    }

    #[test]
    fn templates() {
        let text = |text: &str| Piece::Text(text.to_owned());
        for (from, pieces) in [
            ("", vec![]),
            ("a:b", vec![text("a:b")]),
            ("%(project_id)s", vec![Piece::Project]),
            ("x-%(target.user_id)s%%", vec![text("x-"), Piece::User, text("%")]),
            ("%(name)s", vec![Piece::Unknown]),
        ] {
            assert_eq!(template(from), Some(Template(pieces)), "{from}");
        }
        for bad in ["%", "%s", "%(a)d", "%(a", "100%", "%((a))s"] {
            assert_eq!(template(bad), None, "{bad}");
        }
    }

    #[test]
    fn constants() {
        for (kind, text) in [("'a b'", "a b"), ("\"\"", ""), ("True", "True"), ("7", "7"), ("0", "0")] {
            assert_eq!(constant(kind).as_deref(), Some(text), "{kind}");
        }
        for kind in ["true", "user_id", "007", "'a", "'it\\'s'", "", "-1"] {
            assert_eq!(constant(kind), None, "{kind}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            ("  ", ParseError::Blank),
            ("role:a and", ParseError::EndsEarly),
            ("not", ParseError::EndsEarly),
            ("and role:a", ParseError::NoCheck("and".to_owned())),
            ("role:a or )", ParseError::NoCheck(")".to_owned())),
            ("role:a role:b", ParseError::NoOperator("role:b".to_owned())),
            ("(role:a role:b)", ParseError::NoOperator("role:b".to_owned())),
            ("role:a)", ParseError::NotOpened),
            ("(role:a", ParseError::NotClosed),
            ("admin", ParseError::NotACheck("admin".to_owned())),
            ("'a:b'", ParseError::NotACheck("'a:b'".to_owned())),
            ("http://where", ParseError::Remote("http://where".to_owned())),
            ("role:%s", ParseError::Template("role:%s".to_owned())),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn lists() {
        let lists = |lists: &[&[&str]]| {
            parse_lists(
                &lists.iter().map(|list| list.iter().map(|&text| text.to_owned()).collect()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(lists(&[]), Ok(Check::Always));
        assert_eq!(lists(&[&[]]), Ok(Check::Never));
        assert_eq!(lists(&[&["role:a"]]), Ok(role("a")));
        assert_eq!(
            lists(&[&["role:a", "role:b"], &[], &["role:c"]]),
            Ok(Check::Any(vec![Check::All(vec![role("a"), role("b")]), role("c")]))
        );
        assert!(lists(&[&["nothing"]]).is_err());
    }

    #[test]
    fn depth_is_bounded_and_length_is_not_depth() {
        let nested = |depth: usize| format!("{}role:a{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(parse(&nested(MAX_DEPTH)), Ok(role("a")));
        assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(ParseError::TooDeep));
        assert_eq!(parse(&"(".repeat(1_000_000)), Err(ParseError::TooDeep));
        assert_eq!(parse(&"(not ".repeat(1_000_000)), Err(ParseError::TooDeep));
        assert_eq!(parse(&"not ".repeat(1_000_001)), Err(ParseError::EndsEarly));
        let long = vec!["role:a"; 100_000].join(" or ");
        assert!(matches!(parse(&long), Ok(Check::Any(checks)) if checks.len() == 100_000));
    }

    /// A template, and how it is written.
    fn written_template() -> impl Strategy<Value = (Template, String)> {
        let piece = prop_oneof![
            "[a-z%][a-z0-9_%.-]{0,8}".prop_map(|text| (Piece::Text(text.clone()), text.replace('%', "%%"))),
            Just((Piece::Project, "%(project_id)s".to_owned())),
            Just((Piece::User, "%(target.user_id)s".to_owned())),
            Just((Piece::Unknown, "%(flavour)s".to_owned())),
        ];
        prop::collection::vec(piece, 1..4).prop_map(|pieces| {
            let text = pieces.iter().map(|(_, text)| text.as_str()).collect();
            let mut merged: Vec<Piece> = Vec::new();
            for (piece, _) in pieces {
                match (merged.last_mut(), piece) {
                    (Some(Piece::Text(before)), Piece::Text(more)) => before.push_str(&more),
                    (_, piece) => merged.push(piece),
                }
            }
            (Template(merged), text)
        })
    }

    /// An expression, and how it is written: in parentheses where it is made of others.
    fn written() -> impl Strategy<Value = (Check, String)> {
        let leaf = prop_oneof![
            Just((Check::Always, "@".to_owned())),
            Just((Check::Never, "!".to_owned())),
            "[a-z_:]{1,9}".prop_map(|name| (Check::Rule { name: name.clone(), place: None }, format!("rule:{name}"))),
            written_template().prop_map(|(wanted, text)| (Check::Role(wanted), format!("role:{text}"))),
            written_template().prop_map(|(wanted, text)| {
                (Check::Caller { attribute: Attribute::ProjectId, wanted }, format!("project_id:{text}"))
            }),
            ("[a-z]{1,5}", written_template()).prop_map(|(constant, (wanted, text))| {
                (Check::Constant { text: constant.clone(), wanted }, format!("'{constant}':{text}"))
            }),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let several = || prop::collection::vec(inner.clone(), 2..4);
            let join = |parts: &[(Check, String)], word: &str| {
                let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
                format!("({})", texts.join(word))
            };
            let checks = |parts: Vec<(Check, String)>| parts.into_iter().map(|(check, _)| check).collect();
            prop_oneof![
                several().prop_map(move |parts| {
                    let text = join(&parts, " and ");
                    (Check::All(checks(parts)), text)
                }),
                several().prop_map(move |parts| {
                    let text = join(&parts, " OR ");
                    (Check::Any(checks(parts)), text)
                }),
                inner.prop_map(|(check, text)| match check {
                    // two of them are none
                    Check::Not(_) => (check, text),
                    check => (Check::Not(Box::new(check)), format!("not {text}")),
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_expression_that_is_written_is_read((check, text) in written()) {
            prop_assert_eq!(parse(&text), Ok(check), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn nor_do_the_languages_own_words(words in proptest::collection::vec(
            prop_oneof![Just("("), Just(")"), Just("(("), Just("))"), Just("not"), Just("and"), Just("or"), Just("role:a"),
                        Just("rule:b"), Just("@"), Just("!"), Just("'x':%(y)s"), Just("%"), Just(":"), Just("''")],
            0..300,
        ), glue in prop_oneof![Just(""), Just(" ")]) {
            let _ = parse(&words.join(glue));
        }
    }
}
