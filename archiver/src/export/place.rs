//! Where exports lie: keys from what they are of, and what a key is a part of.
//! It knows no bytes.

use std::fmt;

use objects::{InvalidKey, Key};

use super::manifest::{MANIFEST, Manifest};

/// The segment under which a chain lies.
const CHAIN: &str = "_chain";

/// What the keys of exceptions begin with: they are beside the exports and no part of any.
pub(crate) const EXCEPTIONS: &str = "_exceptions/";

/// Digits of a link's name, as `objects::Chain` has them.
const LINK_DIGITS: usize = 20;

/// The least digits of a revision.
const REVISION_DIGITS: usize = 3;

/// The place of a chain and of its exports: `<profile>/<jurisdiction>`, or less of it where less lies
/// below the URL that is looked at. Empty is the URL itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(String);

impl Place {
    /// The place of these exports.
    pub(crate) fn new(profile: &str, jurisdiction: &str) -> Self {
        Self(format!("{profile}/{jurisdiction}"))
    }

    /// The place that [`Place`]'s text names: a dot is the URL itself.
    pub(crate) fn at(text: &str) -> Self {
        let segments = text
            .split('/')
            .filter(|segment| !["", "."].contains(segment));
        Self(segments.collect::<Vec<_>>().join("/"))
    }

    /// Whether exports of this profile and jurisdiction belong here, as far as the place says.
    pub(crate) fn is_of(&self, manifest: &Manifest) -> bool {
        let whole = format!("/{}/{}", manifest.profile, manifest.jurisdiction);
        let here = format!("/{}", self.0);
        here == "/" || here.ends_with(&whole) || whole.ends_with(&here)
    }

    /// What the keys of all links begin with, without a slash at its end.
    pub(crate) fn chain(&self) -> String {
        self.below(CHAIN)
    }

    /// The text of the key of link `n`.
    pub(crate) fn link(&self, n: u64) -> String {
        format!("{}/{n:020}", self.chain())
    }

    /// The directory of a revision.
    pub(crate) fn directory(&self, period: &str, revision: u32) -> Directory {
        Directory(format!("{}{revision:03}", self.revisions(period)))
    }

    /// What the directories of all revisions of a period begin with.
    pub(crate) fn revisions(&self, period: &str) -> String {
        self.below(&format!("{period}/r"))
    }

    fn below(&self, name: &str) -> String {
        if self.0.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.0)
        }
    }
}

/// The place, with a name for the URL itself.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

/// The directory of one export, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Directory(String);

impl Directory {
    /// What the keys of all that lies in it begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/", self.0)
    }

    /// The key of a file of it.
    pub(crate) fn file(&self, key: &str) -> Result<Key, InvalidKey> {
        Key::new(format!("{}/{key}", self.0))
    }

    /// The key of its manifest.
    pub(crate) fn manifest(&self) -> Result<Key, InvalidKey> {
        self.file(MANIFEST)
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key is a part of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Link `n` of the chain of a place.
    Link(Place, u64),
    /// Something in the directory of an export.
    In(Directory),
    /// One of the operator's own files beside the exports: [`EXCEPTIONS`].
    Own,
    /// Nothing that is an export's.
    Nothing,
}

impl Part {
    /// Says what a key is a part of, by its form alone.
    pub(crate) fn of(key: &Key) -> Self {
        let text = key.as_str();
        if text.starts_with(EXCEPTIONS) {
            return Self::Own;
        }
        let mut start = 0;
        for segment in text.split('/') {
            let end = start + segment.len();
            let is_last = end == text.len();
            if segment == CHAIN {
                let place = Place(text[..start].trim_end_matches('/').to_owned());
                return link_number(&text[end..]).map_or(Self::Nothing, |n| Self::Link(place, n));
            }
            if start > 0 && !is_last && revision(segment).is_some() {
                return Self::In(Directory(text[..end].to_owned()));
            }
            start = end + 1;
        }
        Self::Nothing
    }
}

/// The revision that a segment names: `r001`, or more digits where it takes more.
pub(crate) fn revision(segment: &str) -> Option<u32> {
    let digits = segment.strip_prefix('r')?;
    let number = digits.parse().ok()?;
    (format!("{number:03}") == digits && digits.len() >= REVISION_DIGITS && number > 0)
        .then_some(number)
}

/// The number of a link, by what comes after its chain.
fn link_number(rest: &str) -> Option<u64> {
    let digits = rest.strip_prefix('/')?;
    let number = digits.parse().ok()?;
    (digits.len() == LINK_DIGITS && number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(key: &str, expected: &Part) {
        assert_eq!(Part::of(&Key::new(key).unwrap()), *expected, "{key}");
    }

    fn place(text: &str) -> Place {
        Place(text.to_owned())
    }

    fn directory(text: &str) -> Part {
        Part::In(Directory(text.to_owned()))
    }

    #[test]
    fn a_key_is_part_of_what_its_form_says() {
        let link = "_chain/00000000000000000007";
        check(link, &Part::Link(place(""), 7));
        check(&format!("sf/{link}"), &Part::Link(place("sf"), 7));
        check(
            &format!("out/mds/sf/{link}"),
            &Part::Link(place("out/mds/sf"), 7),
        );
        check("_exceptions/mds/sf/2026-03-01/r001.csv", &Part::Own);
        check("mds/sf/_chain/7", &Part::Nothing);
        check("mds/sf/_chain/00000000000000000000", &Part::Nothing);
        check("mds/sf/_chain/-0000000000000000001", &Part::Nothing);
        check("mds/sf/_chain", &Part::Nothing);
        check(&format!("mds/sf/{link}/r001/x"), &Part::Nothing);
        check(
            "mds/sf/2026-03/r001/x/y.csv",
            &directory("mds/sf/2026-03/r001"),
        );
        check("2026-03/r1000/x", &directory("2026-03/r1000"));
        check("2026-03/r0001/x", &Part::Nothing);
        check("2026-03/r000/x", &Part::Nothing);
        check("2026-03/r01/x", &Part::Nothing);
        check("mds/sf/2026-03/r001", &Part::Nothing);
        check("readme.txt", &Part::Nothing);
    }

    #[test]
    fn a_place_says_what_belongs_there_as_far_as_it_is_seen() {
        let mut manifest = crate::export::testing::manifest("mds", "sf", "2026-03");
        for (here, expected) in [
            ("", true),
            ("sf", true),
            ("mds/sf", true),
            ("out/mds/sf", true),
            ("out/mds/sfo", false),
            ("cds/sf", false),
            ("out/sf", false),
            ("f", false),
        ] {
            assert_eq!(place(here).is_of(&manifest), expected, "{here}");
        }
        manifest.jurisdiction = "sfo".to_owned();
        assert!(!place("mds/sf").is_of(&manifest));
    }

    proptest! {
        #[test]
        fn what_lies_at_a_place_is_found_there(
            at in "[a-z]{0,3}(/[a-z]{1,3}){0,2}", n in 1_u64.., revision in 1_u32.., file in "[a-z]{1,5}(/[a-z.]{1,5}x)?",
        ) {
            let place = place(at.trim_matches('/'));
            let link = Key::new(place.link(n)).unwrap();
            prop_assert_eq!(Part::of(&link), Part::Link(place.clone(), n));
            let directory = place.directory("2026-03-01T07", revision);
            prop_assert!(directory.prefix().starts_with(&place.revisions("2026-03-01T07")));
            prop_assert_eq!(Part::of(&directory.file(&file).unwrap()), Part::In(directory));
        }
    }
}
