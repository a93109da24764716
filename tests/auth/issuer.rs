//! An issuer on loopback that publishes whatever it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What is answered: status and body.
pub(crate) type Answer = (u16, String);

pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Issuer {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens");
        let answer = Arc::new(Mutex::new(answer));
        let (requests, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (answers, counted, stop) = (Arc::clone(&answer), Arc::clone(&requests), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answers.lock().expect("nobody panics with it").clone();
                serve(stream.expect("a connection"), &answer);
            }
        });
        Self { address, answer, requests, stopping, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub(crate) fn publish(&self, answer: Answer) {
        *self.answer.lock().expect("nobody panics with it") = answer;
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // One more connection, for the thread to see it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Reads a head and answers. What goes wrong with a client is for the test to see at the server.
fn serve(mut stream: TcpStream, (status, body): &Answer) {
    let mut lines = BufReader::new(&stream).lines();
    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
    let length = body.len();
    let location = if *status == 302 { format!("Location: {body}\r\n") } else { String::new() };
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{location}Connection: close\r\n\r\n");
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
}
