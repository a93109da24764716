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
        for refused in ["/?prefx=a", "/?prefix=a&prefix=a", "/?Prefix=a", "/?=a", "/?prefix[]=a"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
