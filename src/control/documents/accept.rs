//! Which of several media types is sent (RFC 9110, section 12.5.1). Knows none of them.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use crate::control::problem::Problem;

/// The index of the offer that is wanted most; of equals the first one, and the first one where nothing is said.
pub(in crate::control) fn choose(headers: &HeaderMap, offers: &[&str]) -> Result<usize, Problem> {
    let ranges: Vec<Range> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    if !headers.contains_key(ACCEPT) {
        return Ok(0);
    }
    let quality = |offer: &str| {
        let matching = ranges.iter().filter(|range| range.matches(offer));
        matching.max_by_key(|range| range.precision()).map_or(0, |range| range.quality)
    };
    let best = offers.iter().enumerate().map(|(index, offer)| (quality(offer), index));
    match best.max_by_key(|&(quality, index)| (quality, offers.len() - index)) {
        Some((quality, index)) if quality > 0 => Ok(index),
        Some(_) | None => {
            let detail = format!("Accept allows none of what there is: {}", offers.join(", "));
            Err(Problem::new(StatusCode::NOT_ACCEPTABLE, detail))
        }
    }
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = quality.map_or(Some(1.0), |text| text.parse::<f32>().ok())?;
        // What is not a number or out of range is read as the nearest that is one.
        Some(Self { kind, subtype, quality: (quality.clamp(0.0, 1.0) * 1000.0) as u16 })
    }

    fn matches(&self, offer: &str) -> bool {
        let Some((kind, subtype)) = offer.split_once('/') else { return false };
        match (self.kind, self.subtype) {
            ("*", "*") => true,
            (of_range, "*") => of_range.eq_ignore_ascii_case(kind),
            (of_range, named) => of_range.eq_ignore_ascii_case(kind) && named.eq_ignore_ascii_case(subtype),
        }
    }

    fn precision(&self) -> u8 {
        u8::from(self.kind != "*") + u8::from(self.subtype != "*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_offer_is_sent() {
        let offers = ["application/octet-stream", "application/json", "text/plain"];
        let cases = [
            ("*/*", Some(0)),
            ("application/json", Some(1)),
            ("Text/Plain; charset=utf-8", Some(2)),
            ("text/*", Some(2)),
            ("application/*", Some(0)),
            ("application/*, application/octet-stream;q=0.5", Some(1)),
            ("application/json;q=0.2, text/plain;q=0.9", Some(2)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(0)),
            ("*/*;q=0.1, text/plain;q=0", Some(0)),
            ("text/plain;q=0", None),
            ("text/html", None),
            ("text/plain;q=nan", None),
            ("text/plain;q=7", Some(2)),
            ("nonsense", None),
            ("", None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a header"));
            assert_eq!(choose(&headers, &offers).ok(), expected, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), &offers), Ok(0));
    }
}
