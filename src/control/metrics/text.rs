//! The older text format of Prometheus (0.0.4), made from that of OpenMetrics: what people see with curl, and what tools read that do not ask for the
//! newer one. There the names of counters and infos have their suffixes also where they are described.

/// The same page in the older format.
pub(super) fn of_open_metrics(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let kind = lines.peek().and_then(|next| next.strip_prefix("# TYPE ")).and_then(|kind| kind.split_once(' '));
            let (suffix, kind) = match kind {
                Some((_, "counter")) => ("_total", "counter"),
                Some((_, "info")) => ("_info", "gauge"),
                Some((_, kind)) => ("", kind),
                None => ("", "untyped"),
            };
            let (name, meaning) = help.split_once(' ').unwrap_or((help, ""));
            text.push_str(&format!("# HELP {name}{suffix} {meaning}\n# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_described_by_their_whole_names() {
        let page = "# HELP a_bytes Bytes.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{core=\"0\"} 1\n\
                    # HELP b Now.\n# TYPE b gauge\nb 2\n\
                    # HELP c Built.\n# TYPE c info\nc_info{version=\"1\"} 1\n# EOF\n";
        let text = "# HELP a_bytes_total Bytes.\n# TYPE a_bytes_total counter\na_bytes_total{core=\"0\"} 1\n\
                    # HELP b Now.\n# TYPE b gauge\nb 2\n\
                    # HELP c_info Built.\n# TYPE c_info gauge\nc_info{version=\"1\"} 1\n";
        assert_eq!(of_open_metrics(page), text);
    }
}
