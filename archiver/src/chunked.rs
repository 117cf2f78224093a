//! A list that grows by chunks: pushing never moves what is there, so that memory is what is used.
//! Nothing is taken out of it one by one.

/// Items in a chunk: some 100 KB of pings, or of vehicles.
const CHUNK: usize = 2_048;

/// A list in chunks.
#[derive(Debug)]
pub(crate) struct Chunked<Item> {
    chunks: Vec<Vec<Item>>,
}

impl<Item> Default for Chunked<Item> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<Item> Chunked<Item> {
    pub(crate) fn push(&mut self, item: Item) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(item),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks
            .last()
            .map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes that the items take.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Item>()
    }

    pub(crate) fn get(&self, index: u32) -> &Item {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Item {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    /// The items, in the order they were pushed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.chunks.iter().flatten()
    }

    /// The items, in the order they were pushed, for changes in place.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.chunks.iter_mut().flatten()
    }
}

impl<Item> IntoIterator for Chunked<Item> {
    type Item = Item;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<Item>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<Item> FromIterator<Item> for Chunked<Item> {
    fn from_iter<Items: IntoIterator<Item = Item>>(items: Items) -> Self {
        let mut all = Self::default();
        for item in items {
            all.push(item);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_stays_under_its_index_across_chunks() {
        let mut list = Chunked::default();
        assert_eq!(list.len(), 0);
        for number in 0..3 * CHUNK as u32 {
            list.push(number);
            assert_eq!(list.len(), number as usize + 1);
        }
        assert!((0..3 * CHUNK as u32).all(|index| *list.get(index) == index));
        assert!(list.iter().copied().eq(0..3 * CHUNK as u32));
        assert_eq!(list.bytes(), 3 * CHUNK * 4);
        assert!(list.into_iter().eq(0..3 * CHUNK as u32));
    }
}
