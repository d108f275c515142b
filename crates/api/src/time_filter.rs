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

    const WORDS: [(&str, Comparison); 7] = [
        ("gt:", Comparison::Greater),
        ("gte:", Comparison::GreaterOrEqual),
        ("eq:", Comparison::Equal),
        ("neq:", Comparison::NotEqual),
        ("lt:", Comparison::Less),
        ("lte:", Comparison::LessOrEqual),
        ("", Comparison::Equal),
    ];

    proptest::proptest! {
        #[test]
        fn comparisons_that_are_written_are_read(
            sent in proptest::collection::vec((0..WORDS.len(), -60_000_000_000_000_000_i64..250_000_000_000_000_000), 1..4),
        ) {
            let sent: Vec<_> = sent
                .into_iter()
                .map(|(word, micros)| (WORDS[word], Time::from(jiff::Timestamp::from_microsecond(micros).unwrap())))
                .collect();
            let text: Vec<String> = sent.iter().map(|((word, _), time)| format!("{word}{time}")).collect();
            let all = sent.iter().map(|((_, comparison), time)| Filter::Time(&COLUMN, *comparison, *time)).collect();
            proptest::prop_assert_eq!(filter(&COLUMN, &text.join(" , ")).unwrap(), Filter::All(all));
        }

        #[test]
        fn any_text_is_read_or_a_400_that_names_the_filter(text in "\\PC{0,40}|(gt|lte|eq):[-+0-9T:.Z]{0,40}") {
            match filter(&COLUMN, &text) {
                Ok(Filter::All(all)) => proptest::prop_assert_eq!(all.len(), text.split(',').count()),
                Err(ApiError::Fault { status, message }) => {
                    proptest::prop_assert_eq!(status.as_u16(), 400);
                    proptest::prop_assert!(message.contains("created_at"));
                }
                other => proptest::prop_assert!(false, "{:?}", other),
            }
        }
    }

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
