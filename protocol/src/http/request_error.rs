//! Why a request is refused before anyone looks at what it asks for. Always the client's fault, or that of a proxy.

use std::{error::Error, fmt};

use super::Status;

/// What is wrong with a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The head is longer than the limit.
    HeadTooLong {
        /// The limit, in bytes.
        head_bytes_max: usize,
    },
    /// The head has more headers than the limit.
    TooManyHeaders {
        /// The limit.
        headers_max: usize,
    },
    /// Not HTTP/1.
    Malformed(httparse::Error),
    /// A method other than GET.
    MethodNotAllowed,
    /// A target that is neither a path nor a URL.
    TargetInvalid,
    /// HTTP/1.1 without a Host header.
    HostMissing,
    /// A header, for which two readers could choose different values, more than once.
    HeaderRepeated {
        /// Its name.
        name: &'static str,
    },
    /// The head announces a body.
    BodyNotAccepted,
    /// A WebSocket upgrade in HTTP/1.0.
    UpgradeInHttp10,
    /// `Upgrade: websocket` without `Connection: Upgrade`.
    ConnectionWithoutUpgrade,
    /// A version of the WebSocket protocol other than 13.
    WebSocketVersion,
    /// A WebSocket upgrade without a key of 16 bytes in base64.
    WebSocketKey,
}

impl RequestError {
    /// The status to answer with.
    pub const fn status(self) -> Status {
        match self {
            Self::HeadTooLong { .. } | Self::TooManyHeaders { .. } => Status::RequestHeaderFieldsTooLarge,
            Self::Malformed(httparse::Error::Version) => Status::HttpVersionNotSupported,
            Self::MethodNotAllowed => Status::MethodNotAllowed,
            Self::WebSocketVersion => Status::UpgradeRequired,
            Self::Malformed(_)
            | Self::TargetInvalid
            | Self::HostMissing
            | Self::HeaderRepeated { .. }
            | Self::BodyNotAccepted
            | Self::UpgradeInHttp10
            | Self::ConnectionWithoutUpgrade
            | Self::WebSocketKey => Status::BadRequest,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLong { head_bytes_max } => {
                write!(f, "the request line and headers take more than {head_bytes_max} bytes")
            }
            Self::TooManyHeaders { headers_max } => write!(f, "the request has more than {headers_max} headers"),
            Self::Malformed(error) => write!(f, "the request is not HTTP/1.1: {error}"),
            Self::MethodNotAllowed => f.write_str("only GET is served here"),
            Self::TargetInvalid => f.write_str("the request target is neither a path nor an absolute URL"),
            Self::HostMissing => f.write_str("the Host header is missing"),
            Self::HeaderRepeated { name } => write!(f, "the {name} header appears more than once"),
            Self::BodyNotAccepted => f.write_str("the request announces a body; none is read here"),
            Self::UpgradeInHttp10 => f.write_str("a WebSocket upgrade needs HTTP/1.1; this request is HTTP/1.0"),
            Self::ConnectionWithoutUpgrade => f.write_str(
                "the Connection header does not list Upgrade; a proxy in front may need to be told to pass it on",
            ),
            Self::WebSocketVersion => f.write_str("the Sec-WebSocket-Version header must be 13"),
            Self::WebSocketKey => f.write_str("the Sec-WebSocket-Key header must be 16 bytes in base64"),
        }
    }
}

impl Error for RequestError {}
