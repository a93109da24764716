//! What something has happened to since it was looked at last, and the wakers by which glommio says so. Knows nothing of what follows.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use glommio::timer::Timer;

use crate::driver::ConnectionKey;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Waker,
    Listener,
    /// Data, room or a connect: the stream knows.
    Connection(ConnectionKey),
}

/// Shared between the turn and the wakers of one core. A lock because the standard library's wakers may go to other threads; these
/// never do.
#[derive(Clone, Default)]
pub(super) struct Ready(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    sources: VecDeque<Source>,
    /// The turn that waits for a source.
    turn: Option<Waker>,
}

impl Ready {
    /// A waker that says `source`.
    pub(super) fn wire(&self, source: Source) -> Waker {
        Arc::new(Wire { ready: self.clone(), source }).into()
    }

    pub(super) fn push(&self, source: Source) {
        let mut shared = self.lock();
        shared.sources.push_back(source);
        let turn = shared.turn.take();
        drop(shared);
        if let Some(turn) = turn {
            turn.wake();
        }
    }

    pub(super) fn pop(&self) -> Option<Source> {
        self.lock().sources.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().sources.len()
    }

    /// Until there is a source, or the time is over.
    pub(super) async fn wait(&self, timeout: Option<Duration>) {
        let mut timer = timeout.map(Timer::new);
        poll_fn(|context| {
            let mut shared = self.lock();
            if !shared.sources.is_empty() {
                return Poll::Ready(());
            }
            shared.turn = Some(context.waker().clone());
            drop(shared);
            match &mut timer {
                Some(timer) => Pin::new(timer).poll(context).map(drop),
                None => Poll::Pending,
            }
        })
        .await;
        self.lock().turn = None;
    }

    /// Nothing that panics runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Wire {
    ready: Ready,
    source: Source,
}

impl Wake for Wire {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.source);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.source);
    }
}
