//! `created_at=gt:2026-01-01T00:00:00,lt:…` in lists of volumes (API 3.60).

use catalog::Time;
use catalog::page::{Column, Comparison, Filter};

use crate::fault::ApiError;

/// The filter for records whose time fulfils all of the comparisons.
pub(crate) fn filter(column: &'static Column, text: &str) -> Result<Filter, ApiError> {
    let wrong = || ApiError::invalid_input(format!("filter {}={text} is not a comparison of times", column.key));
    let comparisons = text.split(',').map(|part| {
        let (comparison, time) = parts(part.trim());
        Some(Filter::Time(column, comparison, Time::parse(time)?))
    });
    comparisons.collect::<Option<Vec<_>>>().map(Filter::All).ok_or_else(wrong)
}

fn parts(part: &str) -> (Comparison, &str) {
    let known = [
        ("gt:", Comparison::Greater),
        ("gte:", Comparison::GreaterOrEqual),
        ("eq:", Comparison::Equal),
        ("neq:", Comparison::NotEqual),
        ("lt:", Comparison::Less),
        ("lte:", Comparison::LessOrEqual),
    ];
    known
        .into_iter()
        .find_map(|(word, comparison)| Some((comparison, part.strip_prefix(word)?)))
        .unwrap_or((Comparison::Equal, part))
}

#[cfg(test)]
mod tests {
    use catalog::page::Kind;

    use super::*;

    static COLUMN: Column = Column::new("created_at", "v.created_at", Kind::Time);

    #[test]
    fn comparisons() {
        let (early, late) = (
            Time::parse("2026-01-01T00:00:00").unwrap(),
            Time::parse("2026-02-01").unwrap_or_else(|| Time::parse("2026-02-01T00:00:00").unwrap()),
        );
        assert_eq!(
            filter(&COLUMN, "gte:2026-01-01T00:00:00, lt:2026-02-01T00:00:00").unwrap(),
            Filter::All(vec![
                Filter::Time(&COLUMN, Comparison::GreaterOrEqual, early),
                Filter::Time(&COLUMN, Comparison::Less, late),
            ])
        );
        assert_eq!(
            filter(&COLUMN, "2026-01-01T00:00:00").unwrap(),
            Filter::All(vec![Filter::Time(&COLUMN, Comparison::Equal, early)])
        );
        for text in ["", "gt:", "gt:yesterday", "xx:2026-01-01T00:00:00", "gt:2026-01-01T00:00:00,"] {
            assert!(filter(&COLUMN, text).is_err(), "{text}");
        }
    }
}
