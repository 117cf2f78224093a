//! A reader of the archive by its lists, as a query reads it: the list of each hour, and then the
//! files that it names.

use objects::{Objects, key_at};

use super::{Archive, keys};
use crate::{layout::Partition, lists::List};

/// Reads what is part of the tables. Panics where a listed file is missing.
pub(crate) async fn read_listed(objects: &dyn Objects) -> Archive {
    let mut archive = Archive::default();
    for list in keys(objects, "tables/").await {
        let bytes = objects.get(&list).await.unwrap().unwrap();
        for uri in List::parse(&bytes).unwrap().uris() {
            let key = key_at(objects, uri).unwrap();
            let partition = Partition::of(key.as_str()).unwrap();
            assert_eq!(partition.list_key().unwrap(), list);
            let file = objects.get(&key).await.unwrap();
            let file = file.unwrap_or_else(|| panic!("{key} is listed and gone"));
            archive.add(partition.table, file);
        }
    }
    archive.pings.sort();
    archive.events.sort();
    archive.trips.sort();
    archive
}
