//! An issuer on loopback that publishes whatever it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is answered: status and body.
pub(crate) type Answer = (u16, String);

pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    /// In PEM; none where it is not encrypted.
    certificate: Option<String>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Mutex<Answer>,
    /// Connections that came.
    requests: AtomicUsize,
    stopping: AtomicBool,
}

impl Issuer {
    pub(crate) fn start(answer: Answer) -> Self {
        Self::start_with(answer, None)
    }

    /// With a certificate that nobody has heard of.
    pub(crate) fn start_encrypted(answer: Answer) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("they belong together");
        Self::start_with(answer, Some((made.cert.pem(), Arc::new(config))))
    }

    fn start_with(answer: Answer, encrypted: Option<(String, Arc<ServerConfig>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens");
        let shared =
            Shared { answer: Mutex::new(answer), requests: AtomicUsize::new(0), stopping: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let (certificate, config) = encrypted.unzip();
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopping.load(Ordering::SeqCst) {
                    return;
                }
                serving.requests.fetch_add(1, Ordering::SeqCst);
                let answer = serving.answer.lock().expect("nobody panics with it").clone();
                let stream = stream.expect("a connection");
                match &config {
                    None => serve(stream, &answer),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).expect("the configuration is whole");
                        serve(StreamOwned::new(session, stream), &answer);
                    }
                }
            }
        });
        Self { address, certificate, shared, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/keys", self.address)
    }

    pub(crate) fn certificate(&self) -> &str {
        self.certificate.as_deref().expect("only an encrypted one has a certificate")
    }

    pub(crate) fn publish(&self, answer: Answer) {
        *self.shared.answer.lock().expect("nobody panics with it") = answer;
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // One more connection, for the thread to see it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Reads a head and answers. What goes wrong with a client is for the test to see at the server.
fn serve(mut stream: impl Read + Write, (status, body): &Answer) {
    let mut lines = BufReader::new(&mut stream).lines();
    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
    let length = body.len();
    let location = if *status == 302 { format!("Location: {body}\r\n") } else { String::new() };
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{location}Connection: close\r\n\r\n");
    drop(
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .and_then(|()| stream.flush()),
    );
}
