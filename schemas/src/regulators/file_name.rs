//! Names of a report's files, as a profile's pattern says: `{company}-{topic}-{yyyymm}.csv`.

use super::{Problem, Scope};

/// A pattern whose placeholders were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    /// What stands before the name of a file that corrects an earlier one.
    resubmission: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Company,
    Topic,
    Part,
    Revision,
    SubmissionDate,
    Begin(String),
    Fact(String),
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str, resubmission: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((plain, tail)) = rest.split_once('{') {
            let Some((name, tail)) = tail.split_once('}') else {
                return Err(format!("file {text:?} has a brace that is not closed"));
            };
            pieces.push(Piece::Plain(plain.to_owned()));
            pieces.push(
                Piece::named(name).ok_or_else(|| {
                    format!("file {text:?} has an unknown placeholder {{{name}}}")
                })?,
            );
            rest = tail;
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        let is_path = |text: &str| text.contains(['/', '\\', '}']);
        if text.is_empty() || is_path(rest) || is_path(resubmission) || text.contains('/') {
            return Err(format!("file {text:?} is no name of a file"));
        }
        Ok(Self {
            pieces,
            resubmission: resubmission.to_owned(),
        })
    }

    /// Whether rows may be spread over several files.
    pub(crate) fn has_parts(&self) -> bool {
        self.pieces.contains(&Piece::Part)
    }

    /// The facts of the jurisdiction that it needs.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Fact(name) => Some(name.as_str()),
            _ => None,
        })
    }

    pub(crate) fn needs_submission_date(&self) -> bool {
        self.pieces.contains(&Piece::SubmissionDate)
    }

    /// The name of part `part` (from 1) of revision `revision` (from 1).
    pub(crate) fn name(&self, topic: &str, scope: &Scope, part: u32, revision: u32) -> String {
        let mut name = String::new();
        if revision > 1 {
            name.push_str(&self.resubmission);
        }
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => name.push_str(text),
                Piece::Company => name.push_str(&scope.jurisdiction.company),
                Piece::Topic => name.push_str(topic),
                Piece::Part => name.push_str(&part.to_string()),
                Piece::Revision => name.push_str(&revision.to_string()),
                Piece::SubmissionDate => {
                    name.push_str(&scope.submission_day().unwrap_or_default());
                }
                Piece::Begin(placeholder) => {
                    name.push_str(&scope.period.placeholder(placeholder).unwrap_or_default());
                }
                Piece::Fact(fact) => {
                    let text = scope.jurisdiction.facts.get(fact);
                    name.push_str(text.map_or("", String::as_str));
                }
            }
        }
        name
    }
}

impl Piece {
    fn named(name: &str) -> Option<Self> {
        match name {
            "company" => Some(Self::Company),
            "topic" => Some(Self::Topic),
            "part" => Some(Self::Part),
            "revision" => Some(Self::Revision),
            "submission_date" => Some(Self::SubmissionDate),
            "yyyy" | "mm" | "dd" | "yyyymm" | "yyyymmdd" | "hh" => {
                Some(Self::Begin(name.to_owned()))
            }
            _ => name
                .strip_prefix("jurisdiction.")
                .map(|fact| Self::Fact(fact.to_owned())),
        }
    }
}

/// Checks a date that is told with a report.
pub(crate) fn check_date(text: &str) -> Result<(), Problem> {
    super::period::date(text)
        .map(|_| ())
        .ok_or_else(|| Problem::new(format!("submission date {text:?} is not YYYY-MM-DD")))
}
