//! The command line: which command, and the settings that it gives. It does not know what a setting means; the flags come from the table.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use selvedge::auth::{Issued, Right};
use selvedge::settings::{CONFIG_VARIABLE, Literal, SETTINGS, Setting, Settings, Sources, report};
use selvedge::view::{self, Bounds};

/// What a command line means.
#[derive(Clone, Debug)]
pub(crate) enum Parsed {
    /// Look at documents for the server that started this process.
    ViewWorker(Bounds),
    /// What a person wants, with what the settings are read from.
    Task(Box<(Task, Sources)>),
}

/// What the process was started to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Run the server.
    Serve,
    /// Print the settings.
    Config(ConfigFormat),
    /// Hold the machine against what connections need.
    Doctor(Doctor),
    /// Make a token.
    Token(Issued),
    /// Back up, restore, verify or inspect the data.
    Maintain(Maintain),
    /// Print what a shell needs to complete commands.
    Completions(Shell),
    /// Print the manual page, or write all of them into a folder.
    Man(Option<PathBuf>),
}

/// What is to be done with the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Maintain {
    /// Fill a folder with a backup.
    Backup { folder: PathBuf, token: Option<PathBuf> },
    /// Fill the folder of the data from a backup.
    Restore { folder: PathBuf },
    /// Read and check everything.
    Verify { folder: Option<PathBuf>, token: Option<PathBuf>, json: bool },
    /// Look at a document.
    Inspect { document: String, folder: Option<PathBuf>, json: bool },
}

/// What the doctor was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doctor {
    /// Connections at once; those of the settings otherwise.
    pub(crate) connections: Option<u64>,
    /// The machine's files.
    pub(crate) root: PathBuf,
    /// What is printed.
    pub(crate) format: DoctorFormat,
}

/// What the doctor prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoctorFormat {
    /// Findings, for people.
    Table,
    /// Findings, for programs.
    Json,
    /// What is known of every knob, as Markdown.
    Explain,
}

/// How the settings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigFormat {
    /// For people.
    Table,
    /// As a settings file.
    Toml,
    /// For programs.
    Json,
}

/// Reads the command line; settings stay unread text.
///
/// # Errors
///
/// What to print and the exit code, also where that is the help or the version that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    // Known here only: neither the man page nor completions are to name it.
    let matches = command().subcommand(view_worker_command()).try_get_matches_from(arguments)?;
    let task = match matches.subcommand() {
        Some(("config", config)) => Task::Config(config_format(config)),
        Some(("doctor", doctor)) => Task::Doctor(doctor_task(doctor)),
        Some(("token", token)) => Task::Token(issued(token)),
        Some(("backup", backup)) => Task::Maintain(Maintain::Backup {
            folder: backup.get_one::<PathBuf>("folder").cloned().expect("it is required"),
            token: backup.get_one::<PathBuf>("token").cloned(),
        }),
        Some(("restore", restore)) => Task::Maintain(Maintain::Restore {
            folder: restore.get_one::<PathBuf>("folder").cloned().expect("it is required"),
        }),
        Some(("verify", verify)) => Task::Maintain(Maintain::Verify {
            folder: verify.get_one::<PathBuf>("folder").cloned(),
            token: verify.get_one::<PathBuf>("token").cloned(),
            json: verify.get_flag("json"),
        }),
        Some(("inspect", inspect)) => Task::Maintain(Maintain::Inspect {
            document: inspect.get_one::<String>("document").cloned().expect("it is required"),
            folder: inspect.get_one::<PathBuf>("folder").cloned(),
            json: inspect.get_flag("json"),
        }),
        Some(("completions", completions)) => {
            Task::Completions(*completions.get_one::<Shell>("shell").expect("it is required"))
        }
        Some(("man", man)) => Task::Man(man.get_one::<PathBuf>("folder").cloned()),
        Some((view::COMMAND, worker)) => return Ok(Parsed::ViewWorker(bounds(worker))),
        _ => Task::Serve,
    };
    let given = |setting: &Setting| Some((setting.name.into(), matches.get_one::<String>(setting.name)?.clone()));
    let sources = Sources {
        file: matches.get_one::<PathBuf>("config").cloned(),
        environment: std::env::vars_os().collect(),
        command_line: SETTINGS.iter().filter_map(given).collect(),
    };
    Ok(Parsed::Task(Box::new((task, sources))))
}

fn bounds(worker: &ArgMatches) -> Bounds {
    let number = |name| *worker.get_one::<u64>(name).expect("it is required");
    Bounds {
        memory_bytes: number("memory-bytes"),
        cpu_seconds: number("cpu-seconds"),
        answer_bytes_max: usize::try_from(number("answer-bytes-max")).expect("64 bits"),
    }
}

/// For the server alone, which gives what it needs in this order.
fn view_worker_command() -> Command {
    let number = |name: &'static str| Arg::new(name).value_parser(value_parser!(u64)).required(true);
    Command::new(view::COMMAND).hide(true).args(["memory-bytes", "cpu-seconds", "answer-bytes-max"].map(number))
}

fn config_format(config: &ArgMatches) -> ConfigFormat {
    match config.get_one::<String>("format").map(String::as_str) {
        Some("toml") => ConfigFormat::Toml,
        Some("json") => ConfigFormat::Json,
        Some(_) | None if config.get_flag("json") => ConfigFormat::Json,
        Some(_) | None => ConfigFormat::Table,
    }
}

fn doctor_task(doctor: &ArgMatches) -> Doctor {
    Doctor {
        connections: doctor.get_one("connections").copied(),
        root: doctor.get_one::<PathBuf>("root").cloned().unwrap_or_else(|| "/".into()),
        format: match (doctor.get_flag("json"), doctor.get_flag("explain")) {
            (true, _) => DoctorFormat::Json,
            (false, true) => DoctorFormat::Explain,
            (false, false) => DoctorFormat::Table,
        },
    }
}

/// A machine without a single file lacks nothing, which is not what a mistyped name is to say.
fn folder(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.is_dir() { Ok(path) } else { Err("there is no such folder") }
}

fn doctor_command() -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).num_args(0).action(ArgAction::SetTrue);
    Command::new("doctor")
        .about("Hold this machine against what a number of connections needs, and say what to do; changes nothing")
        .after_help(
            "Exit code: 0 where nothing that is required is lacking, 1 where something is, 2 for a wrong command line.",
        )
        .arg(
            Arg::new("connections")
                .long("connections")
                .value_name("COUNT")
                .value_parser(value_parser!(u64).range(1..=1 << 24))
                .help("Connections at once [default: connections_max]"),
        )
        .arg(
            Arg::new("root")
                .long("root")
                .value_name("FOLDER")
                .value_parser(PathBufValueParser::new().try_map(folder))
                .help("Look at the proc, sys and etc below this folder, as tests do [default: /]"),
        )
        .arg(switch("json").help("For programs").conflicts_with("explain"))
        .arg(switch("explain").help("Print what is known of every knob, as Markdown, and look at nothing"))
}

fn issued(token: &ArgMatches) -> Issued {
    let text = |name| token.get_one::<String>(name).cloned();
    Issued {
        subject: text("sub").expect("it is required"),
        documents: token.get_many::<(String, Right)>("document").into_iter().flatten().cloned().collect(),
        admin: token.get_flag("admin"),
        ttl: *token.get_one::<Duration>("ttl").expect("it has a default"),
        audience: text("audience"),
        issuer: text("issuer"),
        key_id: text("kid"),
        key: token.get_one::<PathBuf>("key").cloned(),
    }
}

fn token_command() -> Command {
    let arg = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("token")
        .about("Make a token, signed with the secret of auth_secret_file or with a private key, and print it")
        .after_help(
            "Example: selvedge token --auth-secret-file secret --sub user-1 --document 'notes/*=write' --ttl 1h\n\
             Whoever has the token is let in until it ends: give it to nobody else, and make it short.",
        )
        .arg(arg("sub", "SUBJECT", "Whose it is").required(true))
        .arg(
            arg(
                "document",
                "PATTERN=RIGHT",
                "Documents, and read, comment or write; * stands for any characters; may be repeated",
            )
            .action(ArgAction::Append)
            .value_parser(|text: &str| Issued::document(text)),
        )
        .arg(
            Arg::new("admin")
                .long("admin")
                .num_args(0)
                .action(ArgAction::SetTrue)
                .help("Opens the whole control plane: settings, metrics, all documents over HTTP; to open one as a client, it takes --document"),
        )
        .arg(
            arg("ttl", "TIME", "How long it is good, such as 90s, 15m, 1h, 30days")
                .default_value("1h")
                .value_parser(|text: &str| {
                    humantime::parse_duration(text).map_err(|error| format!("{error}; such as 90s, 15m, 1h, 30days"))
                }),
        )
        .arg(arg("audience", "NAME", "Whom it is for (aud) [default: auth_audience]"))
        .arg(arg("issuer", "NAME", "Who makes it (iss) [default: auth_issuer]"))
        .arg(arg("kid", "NAME", "Name of the key"))
        .arg(
            arg(
                "key",
                "FILE",
                "Sign with this private key in PEM: RSA (RS256), EC on P-256 (ES256) or Ed25519 (EdDSA)",
            )
            .value_parser(PathBufValueParser::new()),
        )
}

fn maintenance_commands() -> [Command; 4] {
    let folder =
        |help: &'static str| Arg::new("folder").value_name("FOLDER").value_parser(PathBufValueParser::new()).help(help);
    let token = Arg::new("token")
        .long("token")
        .value_name("FILE")
        .value_parser(PathBufValueParser::new())
        .help("A file with a token that has the admin claim, where a server runs that asks for tokens");
    let json = Arg::new("json").long("json").num_args(0).action(ArgAction::SetTrue).help("For programs");
    [
        Command::new("backup")
            .about("Copy the data as they are at one moment into a new folder, beside a running server or without one")
            .after_help(
                "All that was acknowledged before the command began is in the backup. A running server is asked through its control plane \
                 (control_listen), and goes on meanwhile.\nExit code: 0 where the backup is complete, 1 where there is none.",
            )
            .arg(folder("Where to; made, or empty").required(true))
            .arg(token.clone()),
        Command::new("restore")
            .about("Fill the folder of the data (--data-dir) from a backup")
            .after_help("The folder of the data must be missing or empty. Every file is held against the digest that the backup has of it.")
            .arg(folder("The backup").required(true)),
        Command::new("verify")
            .about("Read everything that is stored, check every checksum, and see whether each document can be opened; changes nothing")
            .after_help("Exit code: 0 where all is well, 1 where something is damaged or could not be looked at.")
            .arg(folder("The data, or a backup [default: data_dir]"))
            .arg(token)
            .arg(json.clone()),
        Command::new("inspect")
            .about("Say what is stored of a document")
            .after_help("Beside a running server it shows what is on disk at this moment.")
            .arg(Arg::new("document").value_name("DOCUMENT").required(true).help("Its name"))
            .arg(Arg::new("folder").long("in").value_name("FOLDER").value_parser(PathBufValueParser::new()).help("The data, or a backup [default: data_dir]"))
            .arg(json),
    ]
}

/// Prints what a shell needs to complete commands.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "selvedge", &mut script);
    script
}

/// The manual page of the program.
pub(crate) fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(documented()).render(&mut page)?;
    Ok(page)
}

/// Writes the manual pages of the program and of each command into a folder.
pub(crate) fn man_pages(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(documented(), folder))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
}

/// The commands as manual pages have them: how each is called in one line, as its help says it, and not with every setting there is.
fn documented() -> Command {
    let mut command = command().disable_help_subcommand(true);
    // Gives the names by which commands are called.
    command.build();
    with_usage(command)
}

fn with_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    command.override_usage(usage.trim_start_matches("Usage: ").to_owned()).mut_subcommands(with_usage)
}

fn command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["table", "toml", "json"])
        .default_value("table")
        .help("A table for people, a file for --config, or a list for programs");
    let json = Arg::new("json").long("json").num_args(0).action(ArgAction::SetTrue).help("Same as --format json");

    Command::new("selvedge")
        .version(env!("VERSION_WITH_COMMIT"))
        .about("A self-hosted server for real-time collaboration")
        .after_help(
            "Each setting can also be given as a variable (SELVEDGE_ and its name in capitals, such as SELVEDGE_LISTEN) or as a \
             key in the settings file (listen).\nFlags win over variables, variables over the file. `selvedge config` shows \
             all that is in force and where it comes from;\n`selvedge --help` says more about each than `selvedge -h`.",
        )
        .subcommand(Command::new("serve").about("Run the server; what `selvedge` does by itself"))
        .subcommand(
            Command::new("config")
                .about("Print every setting with its value, default, unit, bounds, origin and meaning")
                .arg(format)
                .arg(json.conflicts_with("format")),
        )
        .subcommand(doctor_command())
        .subcommand(token_command())
        .subcommands(maintenance_commands())
        .subcommand(
            Command::new("completions")
                .about("Print what a shell needs to complete commands")
                .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("Which")),
        )
        .subcommand(
            Command::new("man").about("Print the manual page, or write those of all commands").arg(
                Arg::new("folder")
                    .value_name("FOLDER")
                    .value_parser(PathBufValueParser::new())
                    .help("Write the pages of all commands here instead"),
            ),
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(PathBufValueParser::new())
                .global(true)
                .help(format!("Settings file (TOML); none is read unless it is named [env: {CONFIG_VARIABLE}]")),
        )
        .args(SETTINGS.iter().map(flag))
        .next_line_help(true)
}

fn flag(setting: &'static Setting) -> Arg {
    let default = (setting.write)(&Settings::default());
    let meaning = setting.meaning();
    let first = meaning.split_once(". ").map_or(meaning.as_str(), |(first, _)| first).trim_end_matches('.');
    let shown = match default.to_string() {
        nothing if nothing.is_empty() => "none".to_owned(),
        something => something,
    };
    let details = format!("Allowed: {}\nDefault: {shown}\nVariable: {}", (setting.allowed)(), setting.variable());

    let flag = Arg::new(setting.name)
        .long(setting.flag().trim_start_matches('-').to_string())
        .help_heading(setting.group)
        .help(format!("{first} [default: {shown}]"))
        .long_help(format!("{}\n{details}", report::wrapped(&meaning, HELP_COLUMNS).join("\n")))
        .global(true);
    match default {
        // `--conformance` alone means true; a value has to be tied to it, or the next word would be taken for one.
        Literal::Switch(_) => {
            flag.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true")
        }
        // A negative number is out of every range, which is a better answer than that there is no flag `-1`.
        Literal::Number(_) | Literal::Bytes(_) => {
            flag.value_name((setting.unit)().to_uppercase()).allow_negative_numbers(true)
        }
        Literal::Text(_) => flag.value_name("VALUE"),
    }
}

/// Width of what the long help says of a setting, before its indentation.
const HELP_COLUMNS: usize = 90;
