//! Tasks that wait for readiness, and the queue in which they say that it came. Knows nothing of what follows.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::socket::Socket;
use crate::driver::ConnectionKey;

/// What became ready, whose watch is over with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Acceptable,
    Woken,
    Connected(ConnectionKey),
    Readable(ConnectionKey),
    Writable(ConnectionKey),
}

/// Shared between the turn and the tasks of one core.
#[derive(Clone, Default)]
pub(super) struct Watches(Rc<Shared>);

#[derive(Default)]
struct Shared {
    events: RefCell<VecDeque<Event>>,
    /// The turn that waits for an event.
    turn: RefCell<Option<Waker>>,
    tasks: Cell<usize>,
    begun: Cell<u64>,
}

impl Watches {
    /// Says `event` once the socket is readable.
    pub(super) fn readable(&self, socket: Rc<Socket>, event: Event) {
        self.spawn(event, async move { socket.readable().await });
    }

    /// Says `event` once the socket is writable.
    pub(super) fn writable(&self, socket: Rc<Socket>, event: Event) {
        self.spawn(event, async move { socket.writable().await });
    }

    pub(super) fn pop(&self) -> Option<Event> {
        self.0.events.borrow_mut().pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.events.borrow().len()
    }

    /// Watches that are not over.
    pub(super) fn tasks(&self) -> usize {
        self.0.tasks.get()
    }

    /// Watches since the start.
    pub(super) fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// Until there is an event, or the time is over.
    pub(super) async fn wait(&self, timeout: Option<Duration>) {
        let event = poll_fn(|context| {
            if self.len() > 0 {
                return Poll::Ready(());
            }
            self.0.turn.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        match timeout {
            None => event.await,
            Some(timeout) => {
                // Running out of time is an answer as good as any.
                let _ = monoio::time::timeout(timeout, event).await;
            }
        }
        self.0.turn.take();
    }

    fn spawn(&self, event: Event, ready: impl Future<Output = ()> + 'static) {
        self.0.tasks.set(self.0.tasks.get() + 1);
        self.0.begun.set(self.0.begun.get() + 1);
        let watches = self.clone();
        // The task goes on without its handle. It lets go of the socket before it says so: the socket can be released then.
        drop(monoio::spawn(async move {
            ready.await;
            watches.0.tasks.set(watches.0.tasks.get() - 1);
            watches.push(event);
        }));
    }

    fn push(&self, event: Event) {
        self.0.events.borrow_mut().push_back(event);
        if let Some(turn) = self.0.turn.borrow_mut().take() {
            turn.wake();
        }
    }
}
