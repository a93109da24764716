//! One worker seen from the server: its process and its pipes. Knows nothing of time: whoever asks ends it when it takes too long.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::error::Death;
use super::frame::{HEADER_BYTES, Header, Request, Response};
use super::options::Options;

/// What is logged of what a worker said before its end.
const LAST_WORDS_BYTES_MAX: usize = 4 << 10;

/// How long its last words are waited for: it is dead, and they lie in the pipe.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What the allocator of Rust says when it ends the process.
const OUT_OF_MEMORY: &[u8] = b"memory allocation of ";

/// Why there was no response.
#[derive(Debug)]
pub(super) enum Broken {
    /// A pipe ended.
    Closed,
    /// What came is no response.
    Nonsense,
}

/// Why it ended.
#[derive(Debug)]
pub(super) enum End {
    /// It took more memory than it may.
    OutOfMemory,
    /// Anything else.
    Died(Death),
}

/// A process, and the way to it. Killed where this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    requests: ChildStdin,
    responses: ChildStdout,
    errors: ChildStderr,
    /// How many requests it has answered.
    pub(super) answered: u32,
}

impl Process {
    /// Starts one. It has to be the thread that is there as long as the server: the kernel ends the worker with the thread that started it
    /// (PR_SET_PDEATHSIG).
    ///
    /// # Errors
    ///
    /// The program is not there, or the system has no process or descriptor to give.
    pub(super) fn spawn(options: &Options) -> io::Result<Self> {
        let mut child = Command::new(&options.program)
            .args(options.arguments())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            requests: child.stdin.take().expect("it is piped"),
            responses: child.stdout.take().expect("it is piped"),
            errors: child.stderr.take().expect("it is piped"),
            child,
            answered: 0,
        })
    }

    /// Asks it. After an error it can only be ended.
    pub(super) async fn ask(
        &mut self,
        header: Header,
        request: &Request,
        bytes_max: usize,
    ) -> Result<Response, Broken> {
        self.write(header, request).await.map_err(|_| Broken::Closed)?;
        let mut bytes = [0; HEADER_BYTES];
        self.responses.read_exact(&mut bytes).await.map_err(|_| Broken::Closed)?;
        let header = Header::decode(bytes);
        let Some([first, second]) = header.within(bytes_max) else { return Err(Broken::Nonsense) };
        let parts = [self.part(first).await?, self.part(second).await?];
        let response = Response::parse(header.tag, parts).ok_or(Broken::Nonsense)?;
        self.answered = self.answered.saturating_add(1);
        Ok(response)
    }

    async fn write(&mut self, header: Header, request: &Request) -> io::Result<()> {
        self.requests.write_all(&header.encode()).await?;
        for part in request.parts() {
            self.requests.write_all(part).await?;
        }
        self.requests.flush().await
    }

    /// Memory grows with what comes, not with what was announced.
    async fn part(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let mut part = Vec::new();
        let wanted = u64::try_from(length).expect("64 bits");
        (&mut self.responses).take(wanted).read_to_end(&mut part).await.map_err(|_| Broken::Closed)?;
        if part.len() == length { Ok(part) } else { Err(Broken::Closed) }
    }

    /// Whether it is still there.
    pub(super) fn is_fit(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it.
    pub(super) async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "a view worker could not be ended");
        }
    }

    /// Ends one that gave no response, and says why it did not.
    pub(super) async fn end(mut self, broken: Broken) -> End {
        // Where a pipe ended the process is ending, and its status says why. One that stays is killed.
        let status = match &broken {
            Broken::Closed => timeout(LAST_WORDS, self.child.wait()).await.ok().and_then(Result::ok),
            Broken::Nonsense => None,
        };
        if status.is_none() {
            self.kill().await;
        }
        let words = self.last_words().await;
        tracing::debug!(?status, ?broken, words = %String::from_utf8_lossy(&words).trim_end(), "a view worker was lost");
        if words.windows(OUT_OF_MEMORY.len()).any(|part| part == OUT_OF_MEMORY) {
            return End::OutOfMemory;
        }
        End::Died(match (broken, status) {
            (Broken::Nonsense, _) => Death::Nonsense,
            (Broken::Closed, Some(status)) => death(status),
            (Broken::Closed, None) => Death::Silence,
        })
    }

    /// The end of what it wrote to standard error. A pipe holds 64 KiB, and who has filled it waits: nothing grows.
    async fn last_words(&mut self) -> Vec<u8> {
        let mut words = Vec::new();
        // Only somebody to whom it gave the pipe could hold it open, and it may start nobody.
        let _ = timeout(LAST_WORDS, (&mut self.errors).take(64 << 10).read_to_end(&mut words)).await;
        words.split_off(words.len().saturating_sub(LAST_WORDS_BYTES_MAX))
    }
}

fn death(status: ExitStatus) -> Death {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Death::Signal(signal),
        (None, Some(code)) => Death::Exit(code),
        (None, None) => Death::Silence,
    }
}
