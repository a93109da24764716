//! One TLS session of the server's side: ciphertext in, plaintext out; frames in, ciphertext out. Holds memory only for what is not whole,
//! and for the piece that is being sent.

use std::fmt;
use std::mem;
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{HandshakeKind, ServerConfig};
use selvedge_shards::Frame;

use super::Failure;

/// Plaintext that is encrypted at once. A frame is shared by all who get it, and its ciphertext belongs to one: this, and what TLS
/// adds to it, is all that a slow connection holds beside the frame.
pub const SEND_PIECE_BYTES: usize = 64 << 10;

/// What is said in the clear where the library says nothing: a fatal decode_error (RFC 8446, section 6.2).
const DECODE_ERROR: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 50];

/// The largest record, with its header (RFC 8446, section 5.2, allows less than RFC 5246, section 6.2.3).
const RECORD_BYTES_MAX: usize = 5 + (16 << 10) + 2048;

/// Ciphertext of a peer that may wait until it is whole: a record, or a handshake message in several. A ClientHello has some hundred
/// bytes, and two thousand with the key shares of post-quantum cryptography.
pub const UNFINISHED_BYTES_MAX: usize = RECORD_BYTES_MAX;

/// What one record adds to its plaintext at most: header, nonce, type and tag.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 1 + 16;

/// Plaintext of one record (RFC 8446, section 5.1).
const RECORD_PLAINTEXT_BYTES: usize = 16 << 10;

/// Room for a close_notify, which is an alert of two bytes.
const CLOSE_BYTES: usize = RECORD_OVERHEAD_BYTES + 2;

/// A key update may go out before the records.
const KEY_UPDATE_BYTES: usize = 64;

/// One session.
pub struct Session {
    tls: UnbufferedServerConnection,
    /// Ciphertext that is not whole. Invariant: at most [`UNFINISHED_BYTES_MAX`], or one receive that was put off; no capacity while empty.
    incoming: Vec<u8>,
    /// Records to be sent, in the order in which they were encrypted.
    output: Vec<u8>,
    /// What is being sent piece by piece.
    sending: Option<Sending>,
    /// Records are with the driver.
    in_flight: bool,
    /// Something was received.
    begun: bool,
    peer_closed: bool,
    ending: Ending,
}

/// A frame, and how much of it is encrypted.
struct Sending {
    frame: Frame,
    encrypted: usize,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It goes on.
    None,
    /// The close_notify goes out behind what was given.
    Asked,
    /// The close_notify is among the records to be sent, or was sent.
    Notified,
    /// It broke. What waits to be sent is the alert.
    Failed,
}

/// What came of received bytes beside plaintext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The handshake went on by a step that took computing.
    pub computed: bool,
    /// The handshake is complete since now.
    pub completed: bool,
    /// The peer has said since now that it sends nothing more.
    pub closed: bool,
    /// Something was added to the plaintext.
    pub plaintext: bool,
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            incoming: Vec::new(),
            output: Vec::new(),
            sending: None,
            in_flight: false,
            begun: false,
            peer_closed: false,
            ending: Ending::None,
        })
    }

    /// The handshake is not complete.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// The client went on with an earlier session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The peer has said that it sends nothing more.
    #[must_use]
    pub fn has_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Memory that holds what has arrived and is not whole.
    #[must_use]
    pub fn unfinished_bytes(&self) -> usize {
        self.incoming.capacity()
    }

    /// Keeps what was received for a later [`Session::receive`], which may be given nothing new.
    pub fn put_off(&mut self, data: &[u8]) {
        self.incoming.extend_from_slice(data);
    }

    /// Takes ciphertext, which is overwritten, and adds what it says behind `plaintext`.
    ///
    /// # Errors
    ///
    /// The session is broken from here on: it takes and encrypts nothing more, and only its alert is left to be sent. What stood before
    /// the break is in `plaintext` all the same.
    pub fn receive(&mut self, data: &mut [u8], plaintext: &mut Vec<u8>) -> Result<Received, Failure> {
        if self.peer_closed || self.ending == Ending::Failed {
            // Nothing that comes behind the end means anything.
            return Ok(Received::default());
        }
        let (waiting, before) = (self.output.len(), plaintext.len());
        let handshaking = self.is_handshaking();
        if self.incoming.is_empty() {
            let consumed = self.take_in(data, plaintext)?;
            self.incoming.extend_from_slice(&data[consumed..]);
        } else {
            let mut kept = mem::take(&mut self.incoming);
            kept.extend_from_slice(data);
            let consumed = self.take_in(&mut kept, plaintext)?;
            if consumed < kept.len() {
                kept.drain(..consumed);
                self.incoming = kept;
            }
        }
        Ok(Received {
            computed: handshaking && self.output.len() > waiting,
            completed: handshaking && !self.is_handshaking(),
            closed: self.peer_closed,
            plaintext: plaintext.len() > before,
        })
    }

    /// Goes through all that is whole, and says how much need not be kept.
    fn take_in(&mut self, data: &mut [u8], plaintext: &mut Vec<u8>) -> Result<usize, Failure> {
        if !mem::replace(&mut self.begun, true) && data.first().is_some_and(u8::is_ascii_uppercase) {
            // No record begins like this, and every HTTP method does.
            self.fail();
            return Err(Failure::PlainHttp);
        }
        let mut consumed = 0;
        let decrypted = self.decrypt(data, &mut consumed, plaintext);
        if let Err(error) = decrypted {
            self.alert(&mut data[consumed..]);
            self.alert_in_the_clear();
            self.fail();
            return Err(Failure::Tls(error));
        }
        if self.peer_closed {
            return Ok(data.len());
        }
        if data.len() - consumed > UNFINISHED_BYTES_MAX {
            self.alert_in_the_clear();
            self.fail();
            return Err(Failure::Oversized);
        }
        Ok(consumed)
    }

    fn decrypt(&mut self, data: &mut [u8], consumed: &mut usize, plaintext: &mut Vec<u8>) -> Result<(), rustls::Error> {
        loop {
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(&mut data[*consumed..]);
            *consumed += discard;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        *consumed += record.discard;
                        plaintext.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(records) => encode(records, &mut self.output),
                // What was encoded is in `output`, and goes out in order.
                ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                ConnectionState::PeerClosed => self.peer_closed = true,
                ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) | ConnectionState::Closed => {
                    return Ok(());
                }
                // Early data is refused, so there is none; and no state that this version does not know is asked for.
                ConnectionState::ReadEarlyData(_) | _ => {
                    return Err(rustls::Error::General("a state that was not asked for".to_owned()));
                }
            }
        }
    }

    /// Puts what TLS has to say about an error among what is sent. It has to see what it has not taken, because it knows how much of that
    /// it has seen.
    fn alert(&mut self, rest: &mut [u8]) {
        let mut seen = 0;
        loop {
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(&mut rest[seen..]);
            seen += discard;
            let Ok(ConnectionState::EncodeTlsData(records)) = state else { return };
            encode(records, &mut self.output);
        }
    }

    /// The library has no alert for messages that it does not even begin to read.
    fn alert_in_the_clear(&mut self) {
        if self.output.is_empty() && self.tls.protocol_version().is_none() {
            self.output.extend(DECODE_ERROR);
        }
    }

    /// Drops everything but the records that are to be sent.
    fn fail(&mut self) {
        self.incoming = Vec::new();
        self.sending = None;
        self.ending = Ending::Failed;
    }

    /// A frame can be given: none is being sent, and the session goes on.
    #[must_use]
    pub fn takes_frame(&self) -> bool {
        self.sending.is_none() && self.ending == Ending::None
    }

    /// Sends a frame. It is read when its pieces are encrypted, and never changed.
    ///
    /// # Panics
    ///
    /// Where [`Session::takes_frame`] says no.
    pub fn send(&mut self, frame: Frame) {
        assert!(self.takes_frame(), "a frame is given only after the one before was sent");
        self.sending = Some(Sending { frame, encrypted: 0 });
    }

    /// Says the end behind all that was given, once.
    pub fn close(&mut self) {
        if self.ending == Ending::None {
            self.ending = Ending::Asked;
        }
    }

    /// The end was said, or never will be.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        match self.ending {
            Ending::Notified | Ending::Failed => true,
            Ending::None | Ending::Asked => false,
        }
    }

    /// Records for the driver, if none are with it.
    ///
    /// # Errors
    ///
    /// The key is worn out: the session is broken, the frame is not sent any further, and the next call gives the end of the session, upon
    /// which a peer closes.
    pub fn poll(&mut self) -> Result<Option<Frame>, Failure> {
        if self.in_flight {
            return Ok(None);
        }
        if let Some(mut sending) = self.sending.take_if(|sending| sending.encrypted < sending.frame.len()) {
            let encrypted = self.encrypt(&mut sending);
            self.sending = Some(sending);
            encrypted?;
        }
        if self.ending == Ending::Asked && self.is_encrypted() {
            let notified = self.write(|traffic, output| traffic.queue_close_notify(output), CLOSE_BYTES);
            // Before the handshake is complete there is nothing to end.
            debug_assert!(notified.is_ok() || self.is_handshaking(), "a close_notify has no limits");
            self.ending = Ending::Notified;
        }
        if self.output.is_empty() {
            return Ok(None);
        }
        self.in_flight = true;
        Ok(Some(Frame::new(mem::take(&mut self.output))))
    }

    /// All of what was given is among the records, or sent.
    fn is_encrypted(&self) -> bool {
        self.sending.as_ref().is_none_or(|sending| sending.encrypted == sending.frame.len())
    }

    fn encrypt(&mut self, sending: &mut Sending) -> Result<(), Failure> {
        let rest = &sending.frame.as_ref()[sending.encrypted..];
        let piece = &rest[..rest.len().min(SEND_PIECE_BYTES)];
        let records = piece.len().div_ceil(RECORD_PLAINTEXT_BYTES);
        let room = piece.len() + records * RECORD_OVERHEAD_BYTES + KEY_UPDATE_BYTES;
        match self.write(|traffic, output| traffic.encrypt(piece, output), room) {
            Ok(()) => {
                sending.encrypted += piece.len();
                Ok(())
            }
            Err(NotWritten::Handshaking) => Ok(()),
            Err(NotWritten::KeyWornOut) => {
                let mut rest = mem::take(&mut self.incoming);
                self.alert(&mut rest);
                self.fail();
                Err(Failure::KeyWornOut)
            }
        }
    }

    /// Lets TLS write behind `output`, with so much room.
    fn write(
        &mut self,
        write: impl Fn(
            &mut WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
        room: usize,
    ) -> Result<(), NotWritten> {
        // Nothing in what was kept is whole, so it is only passed by; but TLS has to see it, because it knows how much of it was seen.
        let mut traffic = loop {
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(&mut self.incoming);
            debug_assert_eq!(discard, 0, "what is whole was taken when it came");
            match state {
                Ok(ConnectionState::WriteTraffic(traffic)) => break traffic,
                Ok(ConnectionState::EncodeTlsData(records)) => encode(records, &mut self.output),
                Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
                Ok(_) | Err(_) => return Err(NotWritten::Handshaking),
            }
        };
        let start = self.output.len();
        let mut room = room;
        loop {
            self.output.resize(start + room, 0);
            match write(&mut traffic, &mut self.output[start..]) {
                Ok(written) => {
                    self.output.truncate(start + written);
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(error)) if error.required_size > room => room = error.required_size,
                Err(EncryptError::InsufficientSize(_) | EncryptError::EncryptExhausted) => {
                    self.output.truncate(start);
                    return Err(NotWritten::KeyWornOut);
                }
            }
        }
    }

    /// What was with the driver is in the kernel's hands. Says whether a frame was sent to its end with it.
    pub fn sent(&mut self) -> bool {
        self.in_flight = false;
        self.sending.take_if(|sending| sending.encrypted == sending.frame.len()).is_some()
    }

    /// Records are with the driver.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Nothing is with the driver, and nothing waits for it.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        !self.in_flight && self.output.is_empty() && self.sending.is_none()
    }
}

/// Why nothing was encrypted.
enum NotWritten {
    Handshaking,
    KeyWornOut,
}

/// Moves records that TLS has made behind `output`.
fn encode(mut records: EncodeTlsData<'_, rustls::server::ServerConnectionData>, output: &mut Vec<u8>) {
    let start = output.len();
    if let Err(EncodeError::InsufficientSize(error)) = records.encode(&mut []) {
        output.resize(start + error.required_size, 0);
        records.encode(&mut output[start..]).expect("it fits where there is as much room as it asked for");
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No keys.
        f.debug_struct("Session")
            .field("handshaking", &self.is_handshaking())
            .field("unfinished_bytes", &self.unfinished_bytes())
            .field("in_flight", &self.in_flight)
            .field("peer_closed", &self.peer_closed)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
