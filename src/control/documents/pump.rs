//! Streams to clients: what is sent, as it comes, to who takes it. Whoever stops taking is given up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;

/// How long a client may take for the next piece.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pieces in which bytes are sent.
const PIECE_BYTES: usize = 64 << 10;

/// The end of a stream at which it is filled. What is dropped without [`Pump::finish`] breaks off: nobody takes it for whole.
#[derive(Debug)]
pub(super) struct Pump {
    pieces: Sender<Bytes>,
    is_whole: Arc<AtomicBool>,
}

/// The client is gone, or takes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl Pump {
    /// A stream in which so many pieces may wait.
    pub(super) fn new(pieces_max: usize) -> (Self, Body) {
        let (pieces, receiver) = mpsc::channel(pieces_max);
        let is_whole: Arc<AtomicBool> = Arc::default();
        let seen = Arc::clone(&is_whole);
        let stream = futures_util::stream::unfold(Some((receiver, seen)), |open| async move {
            let (mut receiver, is_whole) = open?;
            match receiver.recv().await {
                Some(piece) => Some((Ok(piece), Some((receiver, is_whole)))),
                None if is_whole.load(Ordering::Acquire) => None,
                None => Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof)), None)),
            }
        });
        (Self { pieces, is_whole }, Body::from_stream(stream.fuse()))
    }

    /// Sends these bytes, piece by piece.
    pub(super) async fn send(&self, mut bytes: Bytes) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
            let sent = timeout(PATIENCE, self.pieces.send(piece)).await;
            sent.map_err(|_| Gone)?.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// That was all.
    pub(super) fn finish(self) {
        self.is_whole.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(finish: bool) -> Result<Bytes, axum::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (pump, body) = Pump::new(2);
            let fill = async {
                pump.send(vec![7; 3 * PIECE_BYTES + 1].into()).await.expect("somebody takes it");
                if finish { pump.finish() } else { drop(pump) }
            };
            tokio::join!(fill, axum::body::to_bytes(body, usize::MAX)).1
        })
    }

    #[test]
    fn a_stream_is_whole_only_where_it_was_finished() {
        assert_eq!(sent(true).expect("it is whole"), vec![7; 3 * PIECE_BYTES + 1]);
        assert!(sent(false).is_err());
    }

    #[test]
    fn who_is_gone_is_sent_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (pump, body) = Pump::new(1);
        drop(body);
        runtime.block_on(async { assert!(pump.send(Bytes::from_static(b"a")).await.is_err()) });
    }
}
