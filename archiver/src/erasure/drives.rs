//! When the rides were, of which rows are erased or held: their events and trips tell it. What is made of
//! it is `subject`'s.

use super::{
    Erasure,
    rows::{IdColumns, columns},
    subject::{Party, Subject},
};
use crate::{hours::Hours, layout::Table, lists::Standing, reading::Glance};

impl Erasure {
    /// Finds out when the rides were: of who is erased, and of who is held.
    pub(super) async fn find_drives(&mut self) -> anyhow::Result<()> {
        let mut parties: Vec<&mut Party> = self.sought.held.iter_mut().collect();
        parties.push(&mut self.sought.party);
        parties.retain(|party| matches!(party.subject, Subject::Ride(..)));
        if parties.is_empty() {
            return Ok(());
        }
        for table in [Table::RideEvents, Table::Trips] {
            let storage = &self.books.storage;
            let mut hours = Hours::new(&*storage.objects, &storage.drain, table, (None, None))?;
            while let Some((partition, _)) = hours.next().await? {
                let Standing { list, records } = self.lists.standing(partition).await?;
                for uri in list.uris() {
                    let key = self.lists.key(partition, uri)?;
                    let file = self.books.file(&key, &records).await?;
                    for party in &mut parties {
                        let id = party.subject.id().to_owned();
                        let glance = Glance::at(storage, &file).await?;
                        let wanted = [("ride_id", id.as_str())];
                        let take = |batch: &_| IdColumns::of(table, batch)?.tell_drives(party);
                        glance.search(&wanted, &columns(table), take).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
