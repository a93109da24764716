//! Accepts connections and speaks HTTP on them. Knows no path.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Context;
use super::peer::Peer;
use super::routes;
use super::taken::Taken;
use crate::settings::Settings;

/// From the first byte of a head, or the end of the request before, to the end of the head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Of what is read at once, of a head and of a body. A head that has not ended after so many bytes is answered with 431; as one that nearly has so
/// many is read on by as many again, one of twice as many may pass.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// For a client that takes nothing of an answer: a place is for those who read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long answers that have begun may take when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Before another try where the system has no descriptor to give.
const REST: Duration = Duration::from_millis(100);

/// What connections are held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    connections_max: usize,
}

impl Rules {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { connections_max: settings.control_connections_max }
    }
}

/// Serves until it is stopped.
pub(super) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    rules: Rules,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let service = TowerToHyperService::new(routes::all(context));
    let room = Arc::new(Semaphore::new(rules.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accept = async {
            // Who finds no room waits in the kernel's queue.
            let place = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accept => accepted,
            // Also where there is no room: those who have it may take nothing of what they are sent.
            () = until(&mut stopped) => break,
        };
        // Those that have ended.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((socket, peer)) => {
                let answer = answer(socket, Peer(peer.ip()), service.clone(), stopped.clone());
                connections.spawn(async move {
                    answer.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the control plane could not accept a connection");
                sleep(REST).await;
            }
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    // Streams have no end of their own.
    let _ = timeout(FAREWELL, all).await;
    Ok(())
}

/// Waits for the end.
async fn until(stopped: &mut watch::Receiver<bool>) {
    // An owner that is gone has stopped it too.
    let _ = stopped.wait_for(|&stopped| stopped).await;
}

async fn answer(
    socket: TcpStream,
    peer: Peer,
    service: TowerToHyperService<axum::Router>,
    mut stopped: watch::Receiver<bool>,
) {
    // A connection without it is only slower.
    let _ = socket.set_nodelay(true);
    let mut rules = http1::Builder::new();
    rules.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let connection = rules.serve_connection(
        TokioIo::new(Taken::new(socket, WRITE_TIMEOUT)),
        service_fn(|mut request| {
            request.extensions_mut().insert(peer);
            service.call(request)
        }),
    );
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = until(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to the control plane ended with an error");
    }
}
