//! Settings: what is in force, where it came from, and what is said about what cannot be taken. Through the library where the
//! rule is one of reading, through the binary where a person sees it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use selvedge::settings::{DriverChoice, Effective, Fsync, Literal, Origin, SETTINGS, Settings, Sources, report};

/// A settings file of its own for each use, gone afterwards.
struct File(PathBuf);

impl File {
    fn new(text: impl AsRef<[u8]>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("settings-{}-{count}.toml", std::process::id()));
        fs::write(&path, text).expect("the test folder can be written");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // A file that stays behind harms no other test.
        let _ = fs::remove_file(&self.0);
    }
}

fn sources(file: Option<&File>, environment: &[(&str, &str)], command_line: &[(&str, &str)]) -> Sources {
    Sources {
        file: file.map(|file| file.0.clone()),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        command_line: command_line.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

fn read(sources: &Sources) -> Effective {
    Effective::read(sources).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn origin(effective: &Effective, name: &str) -> Origin {
    effective.origin(SETTINGS.iter().find(|setting| setting.name == name).expect("a setting"))
}

/// What is wrong with these sources; `FILE` stands for the path of the file.
fn errors(file: Option<&File>, environment: &[(&str, &str)], command_line: &[(&str, &str)]) -> Vec<String> {
    let errors = Effective::read(&sources(file, environment, command_line)).expect_err("this cannot be taken");
    let path = file.map(|file| file.0.display().to_string());
    let anonymous = |text: String| match &path {
        Some(path) => text.replace(path, "FILE"),
        None => text,
    };
    errors.iter().map(|error| anonymous(error.to_string())).collect()
}

fn check_file(text: &str, expected: &[&str]) {
    assert_eq!(errors(Some(&File::new(text)), &[], &[]), expected, "{text}");
}

fn check_environment(name: &str, value: &str, expected: &str) {
    assert_eq!(errors(None, &[(name, value)], &[]), [expected]);
}

/// Runs the server's binary with nothing of this process's environment.
fn selvedge(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .env_clear()
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("the binary writes UTF-8")
}

// ---- What is declared ----

#[test]
fn names_are_unique_in_every_spelling_and_not_taken_by_others() {
    let mut spellings = BTreeSet::new();
    for setting in SETTINGS {
        assert!(
            setting.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{}",
            setting.name
        );
        for spelling in [setting.name.to_string(), setting.flag(), setting.variable()] {
            assert!(spellings.insert(spelling.clone()), "{spelling} is there twice");
        }
        assert!(!setting.variable().starts_with("SELVEDGE_SERVICE_"), "{}", setting.variable());
        assert!(!setting.variable().starts_with("SELVEDGE_PORT"), "{}", setting.variable());
        assert_ne!(setting.name, "config");
    }
}

#[test]
fn units_stand_last_in_names() {
    for setting in SETTINGS {
        let name = setting.name;
        match (setting.unit)() {
            "bytes" => assert!(name.ends_with("_bytes") || name.contains("_bytes_"), "{name}"),
            "ms" => assert!(name.ends_with("_ms"), "{name}"),
            "" => assert!(!name.ends_with("_ms") && !name.contains("_bytes"), "{name}"),
            counted => assert!(name.contains(counted) || name.ends_with("_max") || name == "shards", "{name}"),
        }
    }
}

#[test]
fn every_default_is_taken_when_it_is_given() {
    let defaults = Settings::default();
    for setting in SETTINGS {
        let text = (setting.write)(&defaults).to_string();
        let effective = read(&sources(None, &[(&setting.variable(), &text)], &[]));
        assert_eq!(effective.settings, defaults, "{}", setting.name);
        assert_eq!(effective.origin(setting), Origin::Environment);
    }
}

#[test]
fn every_setting_is_explained() {
    for setting in SETTINGS {
        assert!(setting.meaning().ends_with('.'), "{}: {}", setting.name, setting.meaning());
        assert!(!(setting.allowed)().is_empty(), "{}", setting.name);
    }
}

#[test]
fn numbers_are_taken_at_their_bounds_and_not_beyond() {
    let mut numbers = 0;
    for setting in SETTINGS {
        let Literal::Number(_) = (setting.write)(&Settings::default()) else { continue };
        numbers += 1;
        let allowed = (setting.allowed)();
        let mut words = allowed.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
        let (min, max) = (words.next().expect("a least"), words.next().expect("a most"));
        let taken = |number: u64| {
            let result = Effective::read(&sources(None, &[], &[(setting.name, &number.to_string())]));
            // A value at its bound may still not go together with another setting's default.
            result.map_or_else(|errors| errors[0].to_string().contains("exceeds"), |_| true)
        };
        assert!(taken(min) && taken(max), "{}: {allowed}", setting.name);
        assert!(!taken(max + 1), "{}: {allowed}", setting.name);
        assert!(min == 0 || !taken(min - 1), "{}: {allowed}", setting.name);
    }
    assert!(numbers > 10, "{numbers} settings are numbers");
}

// ---- Precedence ----

#[test]
fn later_sources_win() {
    let file = File::new("heartbeat_ms = 11001\nshards = 2\nclose_timeout_ms = 300");
    let environment = [("SELVEDGE_HEARTBEAT_MS", "11002"), ("SELVEDGE_SHARDS", "3")];
    let effective = read(&sources(Some(&file), &environment, &[("heartbeat_ms", "11003")]));
    assert_eq!(effective.settings.heartbeat_ms, 11003);
    assert_eq!(effective.settings.shards, 3);
    assert_eq!(effective.settings.close_timeout_ms, 300);
    assert_eq!(origin(&effective, "heartbeat_ms"), Origin::CommandLine);
    assert_eq!(origin(&effective, "shards"), Origin::Environment);
    assert_eq!(origin(&effective, "close_timeout_ms"), Origin::File);
    assert_eq!(origin(&effective, "listen"), Origin::Default);
}

#[test]
fn the_flag_names_the_file_before_the_variable_does() {
    let (by_flag, by_variable) = (File::new("shards = 2"), File::new("shards = 3"));
    let path = by_variable.0.to_str().expect("the test folder is UTF-8");
    assert_eq!(read(&sources(None, &[("SELVEDGE_CONFIG", path)], &[])).settings.shards, 3);
    assert_eq!(read(&sources(Some(&by_flag), &[("SELVEDGE_CONFIG", path)], &[])).settings.shards, 2);
}

#[test]
fn every_kind_is_read_from_a_file() {
    let file = File::new(
        "listen = '[::1]:0'\ndata_dir = '/srv/documents'\nshards = 7\ndriver = 'monoio'\nconformance = true\n\
         fsync = 'interval=50'\noutbox_bytes_max = '2MiB'\nmessage_bytes_max = 1048576\nheartbeat_ms = '11500'",
    );
    let settings = read(&sources(Some(&file), &[], &[])).settings;
    let expected = Settings {
        listen: "[::1]:0".parse().expect("an address"),
        data_dir: "/srv/documents".into(),
        shards: 7,
        driver: DriverChoice::Monoio,
        conformance: true,
        fsync: Fsync::Interval { ms: 50 },
        outbox_bytes_max: 2 << 20,
        message_bytes_max: 1 << 20,
        heartbeat_ms: 11500,
        ..Settings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn other_variables_are_passed_over() {
    let environment = [
        ("PATH", "/bin"),
        ("XSELVEDGE_SHARDS", "0"),
        ("SELVEDGE_SERVICE_HOST", "10.0.0.1"),
        ("SELVEDGE_SERVICE_PORT_HTTP", "8420"),
        ("SELVEDGE_PORT", "tcp://10.0.0.1:8420"),
        ("SELVEDGE_PORT_8420_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(read(&sources(None, &environment, &[])).settings, Settings::default());
}

// ---- What cannot be taken ----

#[test]
fn values_of_a_file_are_refused_with_what_is_allowed() {
    for (text, expected) in [
        ("heartbeat_ms = 25000", "FILE: heartbeat_ms = 25000: out of range; allowed: 1000 to 24999 ms"),
        ("heartbeat_ms = -1", "FILE: heartbeat_ms = -1: out of range; allowed: 1000 to 24999 ms"),
        ("heartbeat_ms = \"soon\"", "FILE: heartbeat_ms = \"soon\": not a whole number; allowed: 1000 to 24999 ms"),
        (
            "heartbeat_ms = 1.5",
            "FILE: heartbeat_ms = 1.5: not a text, a whole number, true or false; allowed: 1000 to 24999 ms",
        ),
        (
            "heartbeat_ms = [1]",
            "FILE: heartbeat_ms = (a list): not a text, a whole number, true or false; allowed: 1000 to 24999 ms",
        ),
        (
            "[listen]\nport = 1",
            "FILE: listen = (a table): not a text, a whole number, true or false; allowed: IP address and port, such as \
             127.0.0.1:8420 or [::]:8420",
        ),
        ("driver = 'epoll'", "FILE: driver = \"epoll\": not a choice; allowed: auto, uring, monoio"),
        (
            "fsync = 'interval=0'",
            "FILE: fsync = \"interval=0\": out of range; allowed: always, interval=<1 to 60000 ms>, never",
        ),
        ("conformance = 1", "FILE: conformance = 1: not a choice; allowed: true, false"),
    ] {
        check_file(text, &[expected]);
    }
}

#[test]
fn values_of_variables_are_refused_with_what_is_allowed() {
    for (name, value, expected) in [
        ("SELVEDGE_SHARDS", "0", "SELVEDGE_SHARDS=0: out of range; allowed: 1 to 1024"),
        ("SELVEDGE_SHARDS", "1025", "SELVEDGE_SHARDS=1025: out of range; allowed: 1 to 1024"),
        ("SELVEDGE_SHARDS", "", "SELVEDGE_SHARDS=: not a whole number; allowed: 1 to 1024"),
        (
            "SELVEDGE_LISTEN",
            "localhost:80",
            "SELVEDGE_LISTEN=localhost:80: not an address; allowed: IP address and port, such as 127.0.0.1:8420 or [::]:8420",
        ),
        ("SELVEDGE_DATA_DIR", "", "SELVEDGE_DATA_DIR=: empty; allowed: path of a folder"),
        (
            "SELVEDGE_MESSAGE_BYTES_MAX",
            "64MB",
            "SELVEDGE_MESSAGE_BYTES_MAX=64MB: not a number of bytes; allowed: 1KiB to 1GiB",
        ),
        ("SELVEDGE_MESSAGE_BYTES_MAX", "2GiB", "SELVEDGE_MESSAGE_BYTES_MAX=2GiB: out of range; allowed: 1KiB to 1GiB"),
        ("SELVEDGE_HISTORY", "all", "SELVEDGE_HISTORY=all: not a choice; allowed: keep, smallest, delete"),
        (
            "SELVEDGE_FSYNC",
            "sometimes",
            "SELVEDGE_FSYNC=sometimes: not a choice; allowed: always, interval=<1 to 60000 ms>, never",
        ),
    ] {
        check_environment(name, value, expected);
    }
}

#[test]
fn variables_that_are_not_utf8_are_refused() {
    let value = OsString::from_vec(vec![b'8', 0xff]);
    let sources = Sources { environment: vec![("SELVEDGE_SHARDS".into(), value)], ..Sources::default() };
    let errors = Effective::read(&sources).expect_err("this cannot be taken");
    assert_eq!(errors[0].to_string(), "SELVEDGE_SHARDS=8\u{fffd}: not UTF-8; allowed: 1 to 1024");
}

#[test]
fn names_that_are_no_settings_are_refused_with_the_nearest() {
    check_file("heartbeet_ms = 1", &["FILE: heartbeet_ms = 1: there is no such setting; did you mean heartbeat_ms?"]);
    check_file(
        "log-level = 'info'",
        &["FILE: log-level = \"info\": there is no such setting; did you mean log_level?"],
    );
    check_file(
        "max_connections = 5",
        &["FILE: max_connections = 5: there is no such setting; did you mean connections_max?"],
    );
    check_file("colour = 'red'", &["FILE: colour = \"red\": there is no such setting; `selvedge config` lists all"]);
    check_environment(
        "SELVEDGE_SHARD",
        "4",
        "SELVEDGE_SHARD=4: there is no such setting; did you mean SELVEDGE_SHARDS?",
    );
    check_environment(
        "SELVEDGE_CONFG",
        "x",
        "SELVEDGE_CONFG=x: there is no such setting; did you mean SELVEDGE_CONFIG?",
    );
    check_environment(
        "SELVEDGE_listen",
        "[::]:1",
        "SELVEDGE_listen=[::]:1: there is no such setting; did you mean SELVEDGE_LISTEN?",
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = File::new("shard = 1\nheartbeat_ms = 1");
    assert_eq!(
        errors(Some(&file), &[("SELVEDGE_DRIVER", "x")], &[("log_level", "loud"), ("heartbeat_ms", "2000")]),
        [
            "FILE: heartbeat_ms = 1: out of range; allowed: 1000 to 24999 ms",
            "FILE: shard = 1: there is no such setting; did you mean shards?",
            "SELVEDGE_DRIVER=x: not a choice; allowed: auto, uring, monoio",
            "--log-level loud: not a choice; allowed: off, error, warn, info, debug, trace",
        ]
    );
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let missing = Sources { file: Some("/nonexistent/selvedge.toml".into()), ..Sources::default() };
    let errors = Effective::read(&missing).expect_err("there is no such file");
    assert_eq!(
        errors[0].to_string(),
        "/nonexistent/selvedge.toml: cannot be read: No such file or directory (os error 2)"
    );
    let unnamed = Sources { file: Some("".into()), ..Sources::default() };
    let errors = Effective::read(&unnamed).expect_err("there is no such file");
    assert!(errors[0].to_string().contains("SELVEDGE_CONFIG) has an empty name"), "{errors:?}");
    let folder = Sources { file: Some(env!("CARGO_TARGET_TMPDIR").into()), ..Sources::default() };
    let errors = Effective::read(&folder).expect_err("a folder is not a file");
    assert!(errors[0].to_string().ends_with(": cannot be read: not a file of at most 1048576 bytes"), "{errors:?}");

    check_syntax("shards = ", "TOML parse error at line 1, column");
    check_syntax("shards = 1\nshards = 2", "TOML parse error at line 2, column 1");
    let binary = File::new([0xff, 0xfe]);
    assert_eq!(self::errors(Some(&binary), &[], &[]), ["FILE: cannot be read: stream did not contain valid UTF-8"]);
}

fn check_syntax(text: &str, expected: &str) {
    let said = errors(Some(&File::new(text)), &[], &[]);
    assert!(said.len() == 1 && said[0].starts_with(&format!("FILE: {expected}")), "{said:?}");
}

#[test]
fn settings_that_do_not_go_together_are_both_named() {
    for (given, expected) in [
        (
            [("message_bytes_max", "64MiB"), ("document_bytes_max", "1MiB")],
            "message_bytes_max = 64MiB (command line) exceeds document_bytes_max = 1MiB (command line): no message may hold \
             more than its document can",
        ),
        (
            [("message_bytes_max", "1MiB"), ("uncommitted_bytes_max", "512KiB")],
            "message_bytes_max = 1MiB (command line) exceeds uncommitted_bytes_max = 512KiB (command line): a message that \
             cannot be uncommitted would stop its shard from reading",
        ),
        (
            [("awareness_state_bytes_max", "2KiB"), ("message_bytes_max", "1KiB")],
            "awareness_state_bytes_max = 2KiB (command line) exceeds message_bytes_max = 1KiB (command line): a state \
             arrives inside a message",
        ),
        (
            [("update_chunk_bytes", "1MiB"), ("outbox_bytes_max", "64KiB")],
            "update_chunk_bytes = 1MiB (command line) exceeds outbox_bytes_max = 64KiB (command line): a part of a document \
             that does not fit an outbox would put its session behind again",
        ),
        (
            [("waiting_bytes_per_session_max", "2KiB"), ("waiting_bytes_per_document_max", "1KiB")],
            "waiting_bytes_per_session_max = 2KiB (command line) exceeds waiting_bytes_per_document_max = 1KiB (command \
             line): one session cannot hold more than all of them",
        ),
        (
            [("awareness_entries_per_session_max", "3"), ("awareness_entries_max", "2")],
            "awareness_entries_per_session_max = 3 (command line) exceeds awareness_entries_max = 2 (command line): one \
             session cannot announce more than all of them",
        ),
        (
            [("close_timeout_ms", "300"), ("drain_timeout_ms", "200")],
            "close_timeout_ms = 300 (command line) exceeds drain_timeout_ms = 200 (command line): a drain waits for closing \
             handshakes",
        ),
    ] {
        assert_eq!(errors(None, &[], &given), [expected]);
    }
}

#[test]
fn a_relation_names_where_both_values_came_from() {
    let file = File::new("drain_timeout_ms = 100");
    assert_eq!(
        errors(Some(&file), &[], &[]),
        [
            "close_timeout_ms = 5000 (default) exceeds drain_timeout_ms = 100 (file): a drain waits for closing handshakes"
        ]
    );
}

// ---- What is printed ----

#[test]
fn the_printed_file_gives_the_same_settings_back() {
    let given = [
        ("data_dir", "with \"quotes\" and \\ and\nlines"),
        ("fsync", "interval=250"),
        ("outbox_bytes_max", "1048577"),
        ("conformance", "true"),
        ("shards", "3"),
        ("log_format", "json"),
    ];
    let effective = read(&sources(None, &[], &given));
    let text = report::toml(&effective);
    let again = read(&sources(Some(&File::new(&text)), &[], &[]));
    assert_eq!(again.settings, effective.settings);
    for setting in SETTINGS {
        assert_eq!(again.is_default(setting), effective.is_default(setting), "{}", setting.name);
    }
}

#[test]
fn the_printed_file_is_valid_with_every_default_written_out() {
    let text = report::toml(&read(&Sources::default()));
    let uncommented: String = text.lines().map(|line| format!("{}\n", uncomment(line))).collect();
    let effective = read(&sources(Some(&File::new(uncommented)), &[], &[]));
    assert_eq!(effective.settings, Settings::default());
    for setting in SETTINGS {
        assert_eq!(effective.origin(setting), Origin::File, "{}", setting.name);
    }
}

/// Settings are commented out without a space, text with one.
fn uncomment(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest,
        Some(_) | None => line,
    }
}

#[test]
fn config_prints_every_setting_in_every_form() {
    let table = stdout(&selvedge(&[("SELVEDGE_SHARDS", "3")], &["config", "--listen", "[::]:1"]));
    let toml = stdout(&selvedge(&[], &["config", "--format", "toml"]));
    let json = stdout(&selvedge(&[("SELVEDGE_SHARDS", "3")], &["config", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let listed = json.as_array().expect("a list");
    assert_eq!(listed.len(), SETTINGS.len());
    for (setting, entry) in SETTINGS.iter().zip(listed) {
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(setting.name)), "{}", setting.name);
        assert!(toml.contains(&format!("\n#{} = ", setting.name)), "{}", setting.name);
        assert_eq!(entry["name"], setting.name);
        assert_eq!(entry["meaning"], setting.meaning());
        assert_eq!(entry["from"], if setting.name == "shards" { "environment" } else { "default" });
    }
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).expect("a row").trim_end();
    let from = |name: &str| row(name).trim_end_matches("restart").trim_end_matches("live").trim_end();
    assert!(from("listen ").ends_with("command line") && row("listen ").contains("[::]:1"), "{table}");
    assert!(from("shards ").ends_with("environment"), "{table}");
    assert!(from("driver ").ends_with("default"), "{table}");
}

// ---- What a person sees ----

fn check_refused(environment: &[(&str, &str)], arguments: &[&str], expected: &str) {
    let output = selvedge(environment, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn the_binary_refuses_what_it_cannot_take_with_exit_code_2() {
    check_refused(
        &[],
        &["--heartbeat-ms", "30000"],
        "error: --heartbeat-ms 30000: out of range; allowed: 1000 to 24999 ms\n",
    );
    check_refused(&[], &["--shards", "-1"], "error: --shards -1: out of range; allowed: 1 to 1024\n");
    check_refused(
        &[("SELVEDGE_SHARD", "1"), ("SELVEDGE_SHARDS", "x")],
        &["config"],
        "error: SELVEDGE_SHARD=1: there is no such setting; did you mean SELVEDGE_SHARDS?\n\
         error: SELVEDGE_SHARDS=x: not a whole number; allowed: 1 to 1024\n",
    );
    check_refused(
        &[],
        &["config", "--config", "/nonexistent/selvedge.toml"],
        "error: /nonexistent/selvedge.toml: cannot be read: No such file or directory (os error 2)\n",
    );
    check_refused(
        &[],
        &["--heartbeet-ms", "1"],
        "error: unexpected argument '--heartbeet-ms' found\n\n  tip: a similar argument exists: '--heartbeat-ms'\n\n\
         Usage: selvedge --heartbeat-ms <MS>\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn flags_are_taken_before_and_after_the_command() {
    for arguments in [["--shards", "3", "config", "--json"], ["config", "--shards", "3", "--json"]] {
        let json: serde_json::Value = serde_json::from_str(&stdout(&selvedge(&[], &arguments))).expect("JSON");
        let shards = json.as_array().expect("a list").iter().find(|entry| entry["name"] == "shards").expect("shards");
        assert_eq!((&shards["value"], &shards["from"]), (&3.into(), &"command line".into()), "{arguments:?}");
    }
}

#[test]
fn a_switch_needs_no_value() {
    for (flag, expected) in [("--conformance", "conformance = true"), ("--conformance=false", "conformance = false")] {
        let file = stdout(&selvedge(&[], &["config", flag, "--format", "toml"]));
        assert!(file.lines().any(|line| line == expected), "{flag}: {file}");
    }
}

#[test]
fn help_names_every_flag_and_its_default() {
    let (short, long) = (stdout(&selvedge(&[], &["-h"])), stdout(&selvedge(&[], &["--help"])));
    for setting in SETTINGS {
        let flag = setting.flag();
        let named = |text: &str| text.split([' ', '\n', '[', '=']).any(|word| word == flag);
        assert!(named(&short) && named(&long), "{flag}");
        assert!(long.contains(&setting.variable()), "{flag}");
        assert!(long.contains(&format!("Allowed: {}\n", (setting.allowed)())), "{flag}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = stdout(&selvedge(&[], &["--version"]));
    let rest = version.strip_prefix(concat!("selvedge ", env!("CARGO_PKG_VERSION"))).expect("the version");
    // Then the commit in parentheses, where the build knew it.
    assert!(rest == "\n" || (rest.starts_with(" (") && rest.ends_with(")\n")), "{version:?}");
}
