//! Whether who asks takes version 2.0. The specification decides, where it differs from HTTP: who names
//! no version means one before 2.0, which there is not.

/// What the answers are.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.mds+json;version=2.0";

/// The name of MDS's media type.
const MDS: &str = "application/vnd.mds+json";
/// The version that is answered.
const VERSION: &str = "2.0";

/// Whether one of what these values of `Accept` name is what the answers are. Without any value it is
/// not: the specification takes that for version 0.2.
pub(crate) fn takes_version_2<'a>(mut values: impl Iterator<Item = &'a str>) -> bool {
    values.any(|value| value.split(',').any(is_answered))
}

fn is_answered(range: &str) -> bool {
    let mut pieces = range.split(';').map(str::trim);
    let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let mut version = None;
    for piece in pieces {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "version" => version = Some(value),
            // Refused by who asks.
            "q" if value.parse().is_ok_and(|weight: f64| weight <= 0.0) => return false,
            _ => {}
        }
    }
    match name.as_str() {
        MDS => version == Some(VERSION),
        "*/*" | "application/*" | "application/json" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: bool) {
        assert_eq!(
            takes_version_2(values.iter().copied()),
            expected,
            "{values:?}"
        );
    }

    #[test]
    fn version_2_is_answered_and_no_other() {
        check(&[MEDIA_TYPE], true);
        check(&["application/vnd.mds+json; version=2.0"], true);
        check(&["Application/vnd.MDS+json;version=\"2.0\""], true);
        check(
            &["text/html", "application/vnd.mds+json;version=2.0;q=0.5"],
            true,
        );
        check(&["application/vnd.mds+json;version=1.2, */*;q=0.1"], true);
        check(&["*/*"], true);
        check(&["application/json"], true);
        check(&[], false);
        check(&[""], false);
        check(&["text/html"], false);
        check(&["application/vnd.mds+json"], false);
        check(&["application/vnd.mds+json;version=2.1"], false);
        check(&["application/vnd.mds+json;version=2"], false);
        check(&["application/vnd.mds.provider+json;version=0.3"], false);
        check(&["application/vnd.mds+json;version=2.0;q=0"], false);
        check(&["*/*;q=0.0"], false);
    }
}
