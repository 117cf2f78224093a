//! Lists keys below a directory, in byte order, without a look into directories that cannot hold
//! one of them.

use std::{fs, io, path::Path};

use super::{names, staging::STAGING_DIR};
use crate::{Key, MAX_KEYS};

/// Lists at most [`MAX_KEYS`] keys that begin with `prefix`, strictly after `after`.
pub(super) fn list(root: &Path, prefix: &str, after: Option<&Key>) -> io::Result<Vec<Key>> {
    let mut walk = Walk {
        root,
        prefix,
        after: after.map_or("", Key::as_str),
        found: Vec::new(),
    };
    match prefix.rsplit_once('/') {
        None => walk.visit("")?,
        // Everything that begins with the prefix is below its last slash.
        Some((dir, _)) if Key::new(dir).is_ok() => walk.visit(&format!("{dir}/"))?,
        // No key begins so.
        Some(_) => {}
    }
    Ok(walk.found)
}

struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    /// Empty for none: every key comes after the empty text.
    after: &'a str,
    found: Vec<Key>,
}

impl Walk<'_> {
    /// Visits the directory of the keys that begin with `dir`, which is empty or ends in a slash.
    fn visit(&mut self, dir: &str) -> io::Result<()> {
        for name in self.wanted_names(dir)? {
            if self.found.len() >= MAX_KEYS {
                break;
            }
            if name.ends_with('/') {
                self.visit(&name)?;
            } else if let Ok(key) = Key::new(&name) {
                self.found.push(key);
            }
        }
        Ok(())
    }

    /// The full names in `dir` that are wanted or may hold wanted ones, in byte order of the keys.
    ///
    /// A directory's name gets its slash before names are compared, for `a.b` comes before `a/b`
    /// though `a` comes before `a.b`.
    fn wanted_names(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let Some(entries) = names::if_there(fs::read_dir(self.root.join(dir)))? else {
            return Ok(names);
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && name != STAGING_DIR {
                names.push(format!("{dir}{name}/"));
            } else if kind.is_file() {
                names.push(format!("{dir}{name}"));
            }
        }
        names.retain(|name| self.is_wanted(name));
        names.sort_unstable();
        Ok(names)
    }

    fn is_wanted(&self, name: &str) -> bool {
        let is_dir = name.ends_with('/');
        let has_prefix = name.starts_with(self.prefix) || is_dir && self.prefix.starts_with(name);
        // Of a directory that `after` lies in, some keys may come after it.
        let is_after = name > self.after || is_dir && self.after.starts_with(name);
        has_prefix && is_after
    }
}
