//! What stands behind the `?` of a request. A name that is not known is refused: whoever mistypes `prefix` must not get everything.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;

use super::problem::Problem;

/// Names and values, each name once.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads them.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        if !is_text(uri.query().unwrap_or_default()) {
            return Err(Problem::bad_request("what stands behind the ? is not UTF-8 when it is decoded"));
        }
        for (index, (name, _)) in given.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let allowed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::bad_request(format!(
                    "the parameter {name:?} is not known here; known are: {allowed}"
                )));
            }
            if given[..index].iter().any(|(before, _)| before == name) {
                return Err(Problem::bad_request(format!("the parameter {name} is given twice")));
            }
        }
        Ok(Self(given))
    }

    /// A value as it was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value that is to be of a kind; the error ends with what is allowed.
    pub(super) fn value<T: FromStr>(&self, name: &str, allowed: impl Display) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::bad_request(format!("{name}: {allowed}, not {text:?}")))
    }
}

/// Whether it is UTF-8 when its escapes are decoded: otherwise what is read of it is not what was given.
fn is_text(query: &str) -> bool {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        bytes.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &'static str) -> Result<Parameters, Problem> {
        Parameters::read(&Uri::from_static(uri), &["prefix", "limit"])
    }

    #[test]
    fn known_names_are_read_once_and_others_refused() {
        let parameters = read("/v1/documents?prefix=a%2Fb+c&limit=7").expect("both are known");
        assert_eq!(parameters.text("prefix"), Some("a/b c"));
        assert_eq!(parameters.value::<u32>("limit", "a number").ok().flatten(), Some(7));
        assert!(parameters.value::<u32>("prefix", "a number").is_err());
        assert!(read("/").is_ok_and(|parameters| parameters.text("prefix").is_none()));
        let parameters = read("/?prefix=%C3%a9%2&limit=%").expect("what is no escape stands for itself");
        assert_eq!(parameters.text("prefix"), Some("é%2"));
        for refused in ["/?prefix=%ff", "/?prefix=a%C3&limit=%A9", "/?limit=%ed%a0%80"] {
            assert!(read(refused).is_err(), "{refused}");
        }
        for refused in ["/?prefx=a", "/?prefix=a&prefix=a", "/?Prefix=a", "/?=a", "/?prefix[]=a"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
