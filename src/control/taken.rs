//! A socket whose peer has to take what it is sent. Whoever stops reading holds a place that others want, for as long as it likes: the kernel ends
//! connections that answer nothing, not those that say they have no room. Does not know what is sent.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The socket.
#[derive(Debug)]
pub(super) struct Taken<S> {
    socket: S,
    /// How long a peer may take nothing.
    patience: Duration,
    /// The end of it, while something waits to be taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Taken<S> {
    pub(super) fn new(socket: S, patience: Duration) -> Self {
        Self { socket, patience, stalled: None }
    }

    /// What came of writing, or the end where nothing has been taken for too long.
    fn judge(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, pieces);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What a pipe between the two ends has room for.
    const PIPE_BYTES: usize = 16;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(test)
    }

    #[test]
    fn who_takes_nothing_is_given_up() {
        run(async {
            let (near, _far) = duplex(PIPE_BYTES);
            let mut near = Taken::new(near, Duration::from_millis(1));
            near.write_all(&[7; PIPE_BYTES]).await.expect("there is room for it");
            let error = near.write_all(&[7]).await.expect_err("nobody takes it");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        });
    }

    #[test]
    fn who_takes_it_gets_all_of_it() {
        run(async {
            let (near, mut far) = duplex(PIPE_BYTES);
            let mut near = Taken::new(near, Duration::from_secs(600));
            let sent = vec![7; 1_000 * PIPE_BYTES];
            let mut got = Vec::new();
            let send = async {
                near.write_all(&sent).await.expect("it is taken");
                near.shutdown().await.expect("it is whole");
            };
            tokio::join!(send, async { far.read_to_end(&mut got).await.expect("it is whole") });
            assert!(near.stalled.is_none() && got == sent);
        });
    }
}
