//! Kinds of settings that may be left out: a text, a file, an address on the web. Empty stands for nothing.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{Fault, Kind, Literal};

/// A word of somebody else's, such as the name of an issuer.
pub struct Text {
    /// What it is, for people.
    pub what: &'static str,
}

impl Kind for Text {
    type Value = Option<String>;

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, text: &str) -> Result<Option<String>, Fault> {
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn write(&self, value: &Option<String>) -> Literal {
        Literal::Text(value.clone().unwrap_or_default())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!("{}; empty for none", self.what)
    }
}

/// A file. Whether it is there is for whoever opens it to find out.
pub struct File {
    /// What is in it, for people.
    pub what: &'static str,
}

impl Kind for File {
    type Value = Option<PathBuf>;

    fn default(&self) -> Option<PathBuf> {
        None
    }

    fn parse(&self, text: &str) -> Result<Option<PathBuf>, Fault> {
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn write(&self, value: &Option<PathBuf>) -> Literal {
        Literal::Text(value.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!("path of a file with {}; empty for none", self.what)
    }
}

/// An address on the web from which something is fetched that has to be true: encrypted, or of this machine. Never with a password in it.
pub struct WebAddress {
    /// What is there, for people.
    pub what: &'static str,
}

impl Kind for WebAddress {
    type Value = Option<String>;

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, text: &str) -> Result<Option<String>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let authority = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
        let can_be_trusted = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => !host_of(&authority(rest)).is_empty(),
            (None, Some(rest)) => is_this_machine(host_of(&authority(rest))),
            (None, None) => false,
        };
        if is_plain && can_be_trusted { Ok(Some(text.into())) } else { Err(Fault::NotAWebAddress) }
    }

    fn write(&self, value: &Option<String>) -> Literal {
        Literal::Text(value.clone().unwrap_or_default())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!(
            "https address of {}, or http where it is on this machine; without a password; empty for none",
            self.what
        )
    }
}

/// Host of an authority (RFC 3986, section 3.2); empty where there is none, or a user in front of it.
fn host_of(authority: &str) -> &str {
    if authority.contains('@') {
        return "";
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        Some(_) | None => (authority, "0"),
    };
    if port.parse::<u16>().is_ok() { host } else { "" }
}

fn is_this_machine(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encrypted_or_of_this_machine_and_holds_no_password() {
        let parse = |text| WebAddress { what: "keys" }.parse(text);
        assert_eq!(parse(""), Ok(None));
        for right in [
            "https://issuer.example/.well-known/jwks.json",
            "https://issuer.example:8443/keys?policy=a",
            "https://[2001:db8::1]/",
            "http://127.0.0.1:8080/keys",
            "http://127.9.9.9/",
            "http://localhost/keys",
            "http://[::1]:80/keys",
            "http://[::ffff:127.0.0.1]/keys",
        ] {
            assert_eq!(parse(right), Ok(Some(right.into())), "{right}");
        }
        for wrong in [
            "issuer.example/keys",
            "https://",
            "https:///keys",
            "https://user:password@issuer.example/",
            "https://issuer.example:port/",
            "https://issuer.example/a b",
            "https://issuer.example/#a",
            "http://issuer.example/keys",
            "http://127.0.0.1.example/keys",
            "http://localhost.example/keys",
            "http://127.0.0.1@issuer.example/",
            "http://10.0.0.1/keys",
            "http://[::2]/keys",
            "HTTP://127.0.0.1/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
        ] {
            assert_eq!(parse(wrong), Err(Fault::NotAWebAddress), "{wrong}");
        }
    }
}
