//! A list that grows by chunks: pushing never moves what is there, so that memory is what is used.
//! It is append-only.

/// Rows in a chunk: some 200 KB of pings.
const CHUNK: usize = 4_096;

/// A list in chunks.
#[derive(Debug)]
pub(crate) struct Chunked<Row> {
    chunks: Vec<Vec<Row>>,
}

impl<Row> Default for Chunked<Row> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<Row: Copy> Chunked<Row> {
    pub(crate) fn push(&mut self, row: Row) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks
            .last()
            .map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes that the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Row>()
    }

    pub(crate) fn get(&self, index: u32) -> Row {
        self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    /// The rows, in the order they were pushed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stays_under_its_index_across_chunks() {
        let mut list = Chunked::default();
        assert_eq!(list.len(), 0);
        for number in 0..3 * CHUNK as u32 {
            list.push(number);
            assert_eq!(list.len(), number as usize + 1);
        }
        assert!((0..3 * CHUNK as u32).all(|index| list.get(index) == index));
        assert!(list.iter().copied().eq(0..3 * CHUNK as u32));
        assert_eq!(list.bytes(), 3 * CHUNK * 4);
    }
}
