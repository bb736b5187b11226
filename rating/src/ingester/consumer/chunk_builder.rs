//! The chunk that is being filled for a lane.

use crate::ingester::chunk::Chunk;
use crate::ingester::lane::ChunkWithPermit;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

/// How many chunks a lane may have: one that is applied, and one that is decoded meanwhile.
pub(super) const CHUNKS_PER_LANE: usize = 2;

/// A chunk that is being filled, and its lane.
pub(in crate::ingester) struct ChunkBuilder {
    pub(super) chunk: Chunk,
    /// When the first record was added.
    pub(super) since: Instant,
    pub(super) lane: UnboundedSender<ChunkWithPermit>,
    pub(super) permits: Arc<Semaphore>,
    /// Since when a full chunk has been waiting for a permit.
    pub(super) behind: Option<Instant>,
    /// Whether the lane's partitions are paused.
    pub(super) paused: bool,
}

impl ChunkBuilder {
    /// Returns an empty chunk for `lane`.
    pub(in crate::ingester) fn new(lane: UnboundedSender<ChunkWithPermit>) -> Self {
        let permits = Arc::new(Semaphore::new(CHUNKS_PER_LANE));
        Self { chunk: Chunk::default(), since: Instant::now(), lane, permits, behind: None, paused: false }
    }

    /// Returns whether there is nothing to send to the lane.
    pub(super) fn is_empty(&self) -> bool {
        self.chunk.is_empty()
    }

    /// Starts the delay after which the chunk is sent, if the chunk is empty.
    pub(super) fn touch(&mut self) {
        if self.is_empty() {
            self.since = Instant::now();
        }
    }
}
