//! Kinds of settings that are several of one sort, separated by commas. Empty stands for none.

use ipnet::IpNet;

use super::{Fault, Kind, Literal};

/// Most that a list may hold: more belongs into a firewall.
const ITEMS_MAX: usize = 1_024;

fn items(text: &str) -> Result<Vec<&str>, Fault> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    if items.len() > ITEMS_MAX { Err(Fault::OutOfRange) } else { Ok(items) }
}

fn joined<T: ToString>(items: &[T]) -> Literal {
    Literal::Text(items.iter().map(T::to_string).collect::<Vec<_>>().join(","))
}

/// Networks, as address and prefix length; an address alone is a network of its own.
pub struct Networks {}

impl Kind for Networks {
    type Value = Vec<IpNet>;

    fn default(&self) -> Vec<IpNet> {
        Vec::new()
    }

    fn parse(&self, text: &str) -> Result<Vec<IpNet>, Fault> {
        let network = |item: &str| {
            let alone = || item.parse().map(|address: std::net::IpAddr| IpNet::from(address));
            item.parse::<IpNet>().map(|network| network.trunc()).or_else(|_| alone()).map_err(|_| Fault::NotANetwork)
        };
        items(text)?.into_iter().map(network).collect()
    }

    fn write(&self, value: &Vec<IpNet>) -> Literal {
        joined(value)
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        "networks, such as 10.0.0.0/8,2001:db8::/32; empty for none".into()
    }
}

/// Origins of web pages, as browsers send them: scheme, host, and the port where it is not the scheme's own.
pub struct Origins {}

impl Kind for Origins {
    type Value = Vec<String>;

    fn default(&self) -> Vec<String> {
        Vec::new()
    }

    fn parse(&self, text: &str) -> Result<Vec<String>, Fault> {
        let origin = |item: &str| {
            let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"));
            let is_exact = |host: &str| {
                !host.is_empty()
                    && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@*,\"".contains(&byte))
                    && !host.bytes().any(|byte| byte.is_ascii_uppercase())
            };
            if item == "null" || host.is_some_and(is_exact) { Ok(item.to_owned()) } else { Err(Fault::NotAnOrigin) }
        };
        items(text)?.into_iter().map(origin).collect()
    }

    fn write(&self, value: &Vec<String>) -> Literal {
        joined(value)
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        "origins, such as https://a.example,http://localhost:3000".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_with_and_without_prefix_and_written_so_that_they_are_read_back() {
        let read = Networks {}.parse("10.1.2.3/8, 192.0.2.7,2001:db8::/32").expect("three networks");
        let written = Networks {}.write(&read).to_string();
        assert_eq!(written, "10.0.0.0/8,192.0.2.7/32,2001:db8::/32");
        assert_eq!(Networks {}.parse(&written), Ok(read));
        assert_eq!(Networks {}.parse(""), Ok(Vec::new()));
        for wrong in ["10.0.0.0/33", "10.0.0.1,", "localhost", "10.0.0.0/8 10.1.0.0/16"] {
            assert_eq!(Networks {}.parse(wrong), Err(Fault::NotANetwork), "{wrong}");
        }
    }

    #[test]
    fn origins_are_exact() {
        let read = Origins {}.parse("https://app.example,http://localhost:3000,null");
        assert_eq!(read.map(|origins| origins.len()), Ok(3));
        for wrong in ["app.example", "https://*.example", "https://app.example/", "https://App.example", "https://"] {
            assert_eq!(Origins {}.parse(wrong), Err(Fault::NotAnOrigin), "{wrong}");
        }
    }
}
