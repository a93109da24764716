//! What a client offers in `Sec-WebSocket-Extensions`, and whether it can be taken (RFC 7692, section 7.1). Does not read headers.

use super::{Deflate, WindowBits};

/// Takes the first of the offers that can be honoured to the letter. An offer that says anything wrong, unknown, twice or out of range is
/// passed over, like an extension that nobody knows (section 5.1).
pub fn negotiate<'a>(offers: impl IntoIterator<Item = &'a [u8]>) -> Option<Deflate> {
    offers.into_iter().find_map(accept)
}

/// The parameters of one offer: each at most once.
#[derive(Default)]
struct Seen {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    client_max_window_bits: bool,
    server_window: Option<WindowBits>,
}

fn accept(offer: &[u8]) -> Option<Deflate> {
    let mut parts = offer.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    if parts.next() != Some(b"permessage-deflate") {
        return None;
    }
    let mut seen = Seen::default();
    for part in parts {
        seen.take(part)?;
    }
    Some(Deflate { server_window: seen.server_window })
}

impl Seen {
    fn take(&mut self, parameter: &[u8]) -> Option<()> {
        let (name, value) = match parameter.iter().position(|&byte| byte == b'=') {
            Some(equals) => (parameter[..equals].trim_ascii(), Some(unquoted(parameter[equals + 1..].trim_ascii())?)),
            None => (parameter, None),
        };
        match (name, value) {
            (b"server_no_context_takeover", None) => first(&mut self.server_no_context_takeover),
            (b"client_no_context_takeover", None) => first(&mut self.client_no_context_takeover),
            // A hint, with or without a value: whatever a client compresses with is inflated with the largest window.
            (b"client_max_window_bits", None) => first(&mut self.client_max_window_bits),
            (b"client_max_window_bits", Some(value)) => {
                window_bits(value)?;
                first(&mut self.client_max_window_bits)
            }
            (b"server_max_window_bits", Some(value)) if self.server_window.is_none() => {
                self.server_window = Some(WindowBits::new(window_bits(value)?)?);
                Some(())
            }
            (_, _) => None,
        }
    }
}

fn first(seen: &mut bool) -> Option<()> {
    (!std::mem::replace(seen, true)).then_some(())
}

/// The number in a window parameter: decimal, without a leading zero, from 8 to 15 (sections 7.1.2.1 and 7.1.2.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// A value may stand in quotes and mean the same (RFC 6455, section 9.1). An escape in them is legal too, but nobody escapes a digit.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', inner @ .., b'"'] => Some(inner),
        [b'"', ..] | [.., b'"'] => None,
        token => Some(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offers: &[&str], answer: Option<&str>) {
        let agreed = negotiate(offers.iter().map(|offer| offer.as_bytes()));
        let answer = answer.map(|parameters| {
            format!("permessage-deflate; server_no_context_takeover; client_no_context_takeover{parameters}")
        });
        assert_eq!(agreed.map(Deflate::answer), answer, "{offers:?}");
    }

    #[test]
    fn every_parameter_is_taken_as_the_standard_says() {
        check(&["permessage-deflate"], Some(""));
        check(&["permessage-deflate; client_max_window_bits"], Some(""));
        check(&["permessage-deflate; client_max_window_bits=8"], Some(""));
        check(&["permessage-deflate;server_no_context_takeover ; client_no_context_takeover"], Some(""));
        check(&["permessage-deflate; server_max_window_bits=9"], Some("; server_max_window_bits=9"));
        check(&["permessage-deflate; server_max_window_bits=15"], Some("; server_max_window_bits=15"));
        check(&["permessage-deflate; server_max_window_bits=\"10\""], Some("; server_max_window_bits=10"));
        check(
            &["permessage-deflate; client_max_window_bits=15; server_max_window_bits = 12; server_no_context_takeover"],
            Some("; server_max_window_bits=12"),
        );
    }

    #[test]
    fn an_offer_that_cannot_be_honoured_to_the_letter_is_declined() {
        for parameters in [
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=10",
            "server_max_window_bits=10; server_max_window_bits=10",
            "server_max_window_bits",
            "server_max_window_bits=",
            "server_max_window_bits=7",
            "server_max_window_bits=8",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=010",
            "server_max_window_bits=+9",
            "server_max_window_bits=\"10",
            "server_max_window_bits=\"\"",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=",
            "client_max_window_bits=\"",
            "window=1",
            "",
            ";",
            "=",
        ] {
            check(&[&format!("permessage-deflate; {parameters}")], None);
        }
        check(&["x-webkit-deflate-frame"], None);
        check(&["permessage-deflated"], None);
        check(&[], None);
    }

    #[test]
    fn the_first_offer_that_can_be_honoured_is_taken() {
        check(
            &[
                "permessage-bzip2",
                "permessage-deflate; server_max_window_bits=8",
                "permessage-deflate; server_max_window_bits=11",
                "permessage-deflate",
            ],
            Some("; server_max_window_bits=11"),
        );
        check(&["permessage-deflate; unknown", "permessage-deflate"], Some(""));
    }
}
