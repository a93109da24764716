//! Recorded editing sessions: who typed what after what, as Yjs updates. One gzip file each: a JSON header, then one line for each update, in an
//! order that respects the parents. Does not know who replays it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use selvedge_protocol::lib0::put_uint;
use selvedge_protocol::update::{Limits, Span, spans};
use serde::Deserialize;

/// Text of a whole file, unpacked.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// People in one session.
const AGENTS_MAX: u32 = 1024;

/// One session.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) agents: u32,
    /// Of the final text, in hexadecimal.
    pub(crate) text_sha256: String,
    pub(crate) updates: Vec<Recorded>,
    /// Of somebody who has all of it.
    pub(crate) state_vector: Vec<u8>,
    /// All updates, one behind the other.
    bytes: Vec<u8>,
}

/// One update.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) agent: u32,
    bytes: Range<usize>,
    /// What its agent's own structs reach; `None` where it only deletes.
    pub(crate) end: Option<End>,
}

/// A place in a state vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) client: u64,
    pub(crate) clock: u32,
}

/// Why a file is no recorded session.
#[derive(Debug)]
pub(crate) enum TraceError {
    Io {
        path: PathBuf,
        error: io::Error,
    },
    TooLarge {
        path: PathBuf,
    },
    /// What is wrong, and in which line.
    Line {
        path: PathBuf,
        line: usize,
        what: String,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::TooLarge { path } => write!(f, "{}: has more than {FILE_BYTES_MAX} bytes unpacked", path.display()),
            Self::Line { path, line, what } => write!(f, "{} line {line}: {what}", path.display()),
        }
    }
}

impl std::error::Error for TraceError {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    agents: u32,
    updates: usize,
    end_sha256: String,
}

impl Trace {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, TraceError> {
        let failed = |error| TraceError::Io { path: path.into(), error };
        let file = File::open(path).map_err(failed)?;
        let mut lines = BufReader::new(GzDecoder::new(file).take(FILE_BYTES_MAX));
        let wrong = |line: usize, what: String| TraceError::Line { path: path.into(), line, what };

        let mut text = String::new();
        lines.read_line(&mut text).map_err(failed)?;
        let header: Header = serde_json::from_str(&text).map_err(|error| wrong(1, error.to_string()))?;
        if header.agents == 0 || header.agents > AGENTS_MAX {
            return Err(wrong(1, format!("allowed are 1 to {AGENTS_MAX} agents")));
        }
        let mut trace = Self {
            agents: header.agents,
            text_sha256: header.end_sha256.to_ascii_lowercase(),
            updates: Vec::new(),
            state_vector: Vec::new(),
            bytes: Vec::new(),
        };
        let mut ends = Vec::new();
        loop {
            text.clear();
            if lines.read_line(&mut text).map_err(failed)? == 0 {
                break;
            }
            let number = trace.updates.len() + 2;
            trace.add(&text, &mut ends).map_err(|what| wrong(number, what))?;
        }
        if lines.get_ref().limit() == 0 {
            return Err(TraceError::TooLarge { path: path.into() });
        }
        if trace.updates.len() != header.updates {
            return Err(wrong(
                1,
                format!("{} updates are announced, and {} there", header.updates, trace.updates.len()),
            ));
        }
        trace.state_vector = state_vector(ends);
        Ok(trace)
    }

    /// Takes one line in. `ends` grows to what the session reaches.
    fn add(&mut self, line: &str, ends: &mut Vec<End>) -> Result<(), String> {
        let (agent, parents, update): (u32, Vec<usize>, String) =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        if agent >= self.agents {
            return Err(format!("there is no agent {agent}"));
        }
        if parents.iter().any(|&parent| parent >= self.updates.len()) {
            return Err("it stands before one of its parents".to_owned());
        }
        let from = self.bytes.len();
        STANDARD.decode_vec(update, &mut self.bytes).map_err(|error| error.to_string())?;
        let bytes = from..self.bytes.len();
        let mut end = None;
        let note = |span: Span| {
            let reached = End { client: span.client, clock: span.end };
            end = Some(reached);
            match ends.iter_mut().find(|known| known.client == reached.client) {
                Some(known) => known.clock = known.clock.max(reached.clock),
                None => ends.push(reached),
            }
        };
        spans(&self.bytes[bytes.clone()], &Limits::default(), note).map_err(|refused| refused.to_string())?;
        self.updates.push(Recorded { agent, bytes, end });
        Ok(())
    }

    pub(crate) fn update(&self, recorded: &Recorded) -> &[u8] {
        &self.bytes[recorded.bytes.clone()]
    }
}

fn state_vector(mut ends: Vec<End>) -> Vec<u8> {
    ends.sort_by_key(|end| std::cmp::Reverse(end.client));
    let mut out = Vec::new();
    put_uint(&mut out, ends.len() as u64);
    for end in ends {
        put_uint(&mut out, end.client);
        put_uint(&mut out, u64::from(end.clock));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const HEADER: &str = r#"{"name":"n","agents":1,"updates":2,"endSha256":"AB","more":[1]}"#;
    /// `A` by client 1, and its deletion.
    const FIRST: &str = r#"[0,[],"AQEBAAQBBHRleHQBQQA="]"#;
    const SECOND: &str = r#"[0,[0],"AAEBAQAB"]"#;

    fn read(text: &str) -> Result<Trace, TraceError> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("trace");
        let mut file = GzEncoder::new(File::create(&path).expect("it is ours"), Compression::fast());
        file.write_all(text.as_bytes()).and_then(|()| file.finish().map(drop)).expect("it is ours");
        Trace::read(&path)
    }

    #[test]
    fn a_session_is_read_line_by_line() {
        let trace = read(&format!("{HEADER}\n{FIRST}\n{SECOND}\n")).expect("legal");
        assert_eq!((trace.agents, trace.text_sha256.as_str()), (1, "ab"));
        let ends: Vec<_> = trace.updates.iter().map(|update| update.end).collect();
        assert_eq!(ends, [Some(End { client: 1, clock: 1 }), None]);
        assert_eq!(trace.update(&trace.updates[1]), [0, 1, 1, 1, 0, 1]);
        assert_eq!(trace.state_vector, [1, 1, 1]);
    }

    #[test]
    fn what_is_no_session_is_refused_with_its_line() {
        for (text, said) in [
            (String::new(), "line 1"),
            (format!("{HEADER}\n{FIRST}\n"), "2 updates are announced, and 1 there"),
            (format!("{HEADER}\n{FIRST}\nx\n"), "line 3"),
            (format!("{HEADER}\n[1,[],\"AAA=\"]\n"), "no agent 1"),
            (format!("{HEADER}\n[0,[0],\"AAA=\"]\n"), "before one of its parents"),
            (format!("{HEADER}\n[0,[],\"AAAA\"]\n"), "line 2"),
            (format!("{HEADER}\n[0,[],\"*\"]\n"), "line 2"),
            (HEADER.replace(":1,", ":0,"), "1 to 1024 agents"),
        ] {
            let error = read(&text).expect_err(&text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(matches!(Trace::read(Path::new("/nowhere")), Err(TraceError::Io { .. })));
    }
}
