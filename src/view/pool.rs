//! The workers: who has one, who waits for one, and who has waited too long.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::DEPTH_MAX;
use super::counters::{Counters, Held, Tally};
use super::error::{Size, ViewError};
use super::frame::{Header, Request, Response};
use super::options::Options;
use super::process::{Broken, End, Process};

/// What a response has beside an answer: the reason of a refusal.
const REFUSAL_BYTES_MAX: usize = 4 << 10;

/// After the deadline, how long it may take to end a worker and find out why it gave no answer. The kernel may be slow to end a process.
const GRACE: Duration = Duration::from_millis(500);

/// At most so many workers as there are permits; those that have nothing to do are kept.
#[derive(Debug)]
pub(super) struct Pool {
    options: Options,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Process>>,
    tally: Tally,
}

/// One request on its way.
struct Asked {
    request: Request,
    header: Header,
    deadline: Instant,
    answer: oneshot::Sender<Result<Bytes, ViewError>>,
}

impl Pool {
    pub(super) fn new(options: Options) -> Self {
        let permits = Arc::new(Semaphore::new(options.workers_max));
        Self { options, permits, idle: Mutex::default(), tally: Tally::default() }
    }

    pub(super) fn counters(&self) -> Counters {
        self.tally.read(self.idle().len())
    }

    /// Asks a worker. Ends in time, whatever the worker does.
    pub(super) async fn ask(self: &Arc<Self>, request: Request) -> Result<Bytes, ViewError> {
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        let result = self.answer(request).await;
        self.tally.count(&result);
        result
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Result<Bytes, ViewError> {
        let deadline = Instant::now() + self.options.timeout;
        let [first, second] = request.parts().map(<[u8]>::len);
        let header = request.header().filter(|_| first + second <= self.options.input_bytes_max());
        let header = header.ok_or(self.too_large(Size::Input))?;
        let permit = self.permit(deadline).await?;
        // Whoever asks may stop to wait at any moment; what is begun with a worker is ended all the same.
        let (answer, answered) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move { pool.serve(Asked { request, header, deadline, answer }, permit).await });
        match timeout_at(deadline + GRACE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ViewError::Unavailable { why: "the server is ending".into() }),
            Err(_) => Err(self.timed_out()),
        }
    }

    /// The right to a worker, in the order of asking.
    async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, ViewError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        if self.tally.waiting.load(Ordering::Relaxed) >= self.options.waiting_max {
            return Err(ViewError::Busy);
        }
        let _waiting = Held::on(&self.tally.waiting);
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        Ok(permit.map_err(|_| ViewError::Busy)?.expect("it is never closed"))
    }

    async fn serve(&self, asked: Asked, permit: OwnedSemaphorePermit) {
        let _busy = Held::on(&self.tally.workers_busy);
        let begun = Instant::now();
        let Asked { request, header, deadline, mut answer } = asked;
        let mut process = match self.process() {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(%error, program = %self.options.program.display(), "no view worker can be started");
                // Who has stopped to wait needs no answer, here and below.
                let _ = answer.send(Err(ViewError::Unavailable { why: error.to_string() }));
                return;
            }
        };
        let bytes_max = self.options.answer_bytes_max.max(REFUSAL_BYTES_MAX);
        let response = tokio::select! {
            response = timeout_at(deadline, process.ask(header, &request, bytes_max)) => response,
            () = answer.closed() => {
                self.tally.abandoned.fetch_add(1, Ordering::Relaxed);
                process.kill().await;
                return;
            }
        };
        match response {
            Ok(Ok(response)) => {
                let _ = answer.send(self.result(response));
                if process.answered < self.options.requests_per_worker_max {
                    self.idle().push(process);
                } else {
                    process.kill().await;
                }
            }
            Ok(Err(broken)) => {
                let error = self.lost(process, broken).await;
                let _ = answer.send(Err(error));
            }
            Err(_) => {
                self.tally.workers_lost.fetch_add(1, Ordering::Relaxed);
                let _ = answer.send(Err(self.late(begun, deadline)));
                process.kill().await;
            }
        }
        // Not before: the next worker would be one too many.
        drop(permit);
    }

    /// One that waits, or a new one.
    fn process(&self) -> std::io::Result<Process> {
        // The lock is not held while a process is started.
        let waiting = || self.idle().pop();
        while let Some(mut process) = waiting() {
            if process.is_fit() {
                return Ok(process);
            }
            self.tally.workers_lost.fetch_add(1, Ordering::Relaxed);
        }
        self.tally.workers_started.fetch_add(1, Ordering::Relaxed);
        Process::spawn(&self.options)
    }

    async fn lost(&self, process: Process, broken: Broken) -> ViewError {
        self.tally.workers_lost.fetch_add(1, Ordering::Relaxed);
        match process.end(broken).await {
            End::OutOfMemory => self.too_large(Size::Memory),
            End::Died(death) => ViewError::Died(death),
        }
    }

    fn result(&self, response: Response) -> Result<Bytes, ViewError> {
        match response {
            Response::Answer(bytes) => Ok(bytes.into()),
            Response::Malformed => Err(ViewError::Malformed),
            Response::NoSuchRoot => Err(ViewError::NoSuchRoot),
            Response::BadOperation { index, why } => {
                Err(ViewError::BadOperation { index: usize::try_from(index).expect("64 bits"), why })
            }
            Response::TooLarge(what) => Err(self.too_large(what)),
        }
    }

    fn too_large(&self, what: Size) -> ViewError {
        let allowed = match what {
            Size::Input => self.options.input_bytes_max(),
            Size::Memory => self.options.memory_bytes,
            Size::Answer => self.options.answer_bytes_max,
            Size::Depth => DEPTH_MAX,
        };
        ViewError::TooLarge { what, allowed }
    }

    /// What is said of a document whose worker did not end in time. Where most of that time went to waiting, it says nothing of the document.
    fn late(&self, begun: Instant, deadline: Instant) -> ViewError {
        match deadline.saturating_duration_since(begun) < self.options.timeout / 2 {
            true => ViewError::Busy,
            false => self.timed_out(),
        }
    }

    fn timed_out(&self) -> ViewError {
        ViewError::TimedOut { timeout_ms: u64::try_from(self.options.timeout.as_millis()).unwrap_or(u64::MAX) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
