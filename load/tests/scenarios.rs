//! The built load generator against the built server, each scenario small; and against servers that do not do what they should.

#[path = "scenarios/broken_server.rs"]
mod broken_server;
#[path = "scenarios/load.rs"]
mod load;
#[path = "scenarios/server.rs"]
mod server;

use broken_server::BrokenServer;
use load::{Run, load};
use server::Server;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces/friendsforever.yup.jsonl.gz");

/// Of those that this process may use, which need not be the first of the machine.
fn first_cpu() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("the kernel says it");
    allowed.trim().split(['-', ',']).next().expect("at least one").to_owned()
}

/// Runs a scenario against the server, where it must find nothing wrong.
fn succeed(server: &Server, arguments: &[&str]) -> Run {
    let url = server.documents();
    let pid = server.pid().to_string();
    let run = load(&[arguments, &["--url", &url, "--pid", &pid, "--cores", &first_cpu()]].concat());
    assert_eq!((run.code, run.failures()), (Some(0), vec![]), "{arguments:?}: {}", run.said);
    assert!(run.server_memory() > 0.0, "the server's process is read");
    run
}

#[test]
fn every_update_is_delivered_and_acknowledged() {
    let server = Server::start(&[]);
    let run = succeed(
        &server,
        &[
            "edit",
            "--writers",
            "6",
            "--documents",
            "3",
            "--readers",
            "2",
            "--rate",
            "20",
            "--seconds",
            "0.5",
            "--warm-up",
            "0",
        ],
    );
    // Two writers and two readers in each document: three others get each update.
    assert_eq!((run.figure("connections"), run.figure("updates")), (12.0, 60.0));
    assert_eq!((run.samples("acknowledgement"), run.samples("delivery")), (60, 180));

    let run =
        succeed(&server, &["fanout", "--readers", "20", "--writers", "3", "--seconds", "0.4", "--warm-up", "0.1"]);
    assert_eq!(run.samples("delivery"), run.samples("acknowledgement") * 22);
    assert_eq!(run.figure("missing_deliveries"), 0.0);
}

#[test]
fn idle_connections_attach_and_a_sample_answers() {
    let server = Server::start(&[]);
    let run = succeed(&server, &["idle", "--connections", "100", "--sample", "50", "--hold", "0.3", "--renew", "0.1"]);
    assert_eq!((run.figure("attached"), run.figure("connections")), (100.0, 100.0));
    assert_eq!(run.figure("sample_answered"), run.figure("sample_sent"));
    assert_eq!(run.samples("open"), 100);

    let active = ["--hold", "0.2", "--active", "0.1", "--edits", "10", "--states", "5", "--seconds", "0.6"];
    let run = succeed(&server, &[&["idle", "--connections", "100", "--documents", "10"], &active[..]].concat());
    assert_eq!((run.figure("updates"), run.samples("delivery")), (60.0, 60 * 9));
    assert_eq!(run.figure("active_clients"), 10.0);
    assert!(run.figure("states") > 0.0 && run.samples("presence") > 0);
}

#[test]
fn the_newest_state_of_everybody_reaches_everybody() {
    let server = Server::start(&[]);
    let run = succeed(&server, &["presence", "--users", "20", "--rate", "10", "--seconds", "0.5", "--warm-up", "0"]);
    assert_eq!((run.figure("states"), run.figure("missing_newest_states")), (100.0, 0.0));
}

#[test]
fn clients_join_a_large_document_and_get_all_of_it() {
    let server = Server::start(&[]);
    let run = succeed(&server, &["join", "--clients", "10", "--megabytes", "1"]);
    assert_eq!((run.figure("synced"), run.samples("sync")), (10.0, 10));
    assert!(run.figure("received_bytes") > 10e6);
}

#[test]
fn everybody_comes_back_after_a_storm() {
    let server = Server::start(&[]);
    for ending in [&[][..], &["--reset"]] {
        let run = succeed(&server, &[&["storm", "--connections", "100", "--documents", "10"], ending].concat());
        assert_eq!((run.figure("back"), run.samples("back")), (100.0, 100));
    }
}

#[test]
fn a_recorded_session_is_replayed_to_its_text() {
    let server = Server::start(&[]);
    let run = succeed(&server, &["replay", "--trace", TRACE, "--copies", "2", "--window", "500"]);
    assert_eq!((run.figure("updates"), run.figure("texts_compared")), (2.0 * 26_078.0, 2.0));
}

#[test]
fn echoes_come_back_in_closed_and_open_loops() {
    let server = Server::start(&["--conformance"]);
    let url = server.echo();
    for load_of in [&["--in-flight", "3"][..], &["--rate", "50"]] {
        let arguments = [&["echo", "--url", &url, "--connections", "4", "--seconds", "0.3"], load_of].concat();
        let run = load(&arguments);
        assert_eq!((run.code, run.failures()), (Some(0), vec![]), "{}", run.said);
        assert!(run.figure("echoes") > 0.0 && run.figure("missing_echoes") == 0.0);
    }
}

#[test]
fn every_driver_can_load() {
    let server = Server::start(&[]);
    for driver in [&["--driver", "monoio"][..], &["--driver", "uring", "--descriptors", "direct"]] {
        let run = succeed(&server, &[&["edit", "--seconds", "0.3", "--warm-up", "0"], driver].concat());
        assert!(run.figure("updates") > 0.0);
    }
}

#[test]
fn a_baseline_is_stored_and_compared() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder_text = folder.path().to_str().expect("a plain name");
    let url = server.documents();
    let times = ["--seconds", "0.2", "--stability", "0.2"];
    let arguments = [&["baseline", "--url", &url, "--folder", folder_text, "--no-progress"], &times[..]].concat();
    let (code, said) = load::plain(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("it is there").flatten().collect();
    let file = files[0].path();
    let file = file.to_str().expect("a plain name");
    let (code, said) = load::plain(&["compare", file, file]);
    assert_eq!((files.len(), code), (1, Some(0)), "{said}");
    let (code, said) = load::plain(&["show", file]);
    assert_eq!((code, said.matches("baseline: ").count()), (Some(0), 4), "{said}");
}

#[test]
fn what_a_server_swallows_is_missing() {
    let server = BrokenServer::start(BrokenServer::SWALLOWS);
    let url = server.documents();
    let small = ["--writers", "1", "--documents", "1", "--readers", "1", "--seconds", "0.2", "--warm-up", "0"];
    let run = load(&[&["edit", "--url", &url, "--settle", "0.3"], &small[..]].concat());
    assert_eq!(run.code, Some(1), "{}", run.said);
    assert_eq!(run.figure("missing_deliveries"), run.figure("updates"));
    assert!(run.figure("updates") > 0.0);
    assert!(run.said.contains("there is no acknowledgement figure"), "{}", run.said);
    assert!(run.failures()[0].contains("deliveries are missing"), "{:?}", run.failures());
}

#[test]
fn a_server_that_refuses_is_quoted() {
    for (answer, said) in [
        (BrokenServer::REFUSES, "4 times: the upgrade is refused with HTTP status 503 Service Unavailable"),
        (BrokenServer::CLOSES, "4 times: the server closed with code 1013: full"),
        (BrokenServer::HANGS_UP, "4 times: the server ended the connection without a Close frame"),
        (BrokenServer::TALKS_NONSENSE, "the answer to the upgrade is not HTTP/1"),
    ] {
        let server = BrokenServer::start(answer);
        let url = server.documents();
        let run = load(&["idle", "--url", &url, "--connections", "4"]);
        assert_eq!(run.code, Some(1), "{}", run.said);
        assert!(run.failures().iter().any(|failure| failure.contains(said)), "{said}: {:?}", run.failures());
        assert!(run.failures()[0].contains("4 of 4 connections could not be opened"), "{:?}", run.failures());
    }
}

#[test]
fn what_cannot_be_run_is_said_and_why() {
    // A port that was free a moment ago and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let nobody = format!("ws://{free}/{{document}}");
    let (code, said) = load::plain(&["edit", "--url", &nobody]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be reached: Connection refused"), "{said}");

    for (arguments, expected) in [
        (&["edit", "--url", "wss://127.0.0.1/{document}"][..], "wss:// is not spoken"),
        (&["edit", "--url", "ws://127.0.0.1/"], "must say with {document}"),
        (&["edit", "--bytes", "3"], "16..=65536"),
        (&["edit", "--rate", "0"], "above 0"),
        (&["edit", "--cores", "100000"], "not a list of CPUs"),
        (&["edit", "--cores", "1000"], "may use the CPUs"),
        (&["edit", "--sources", "here"], "neither an address nor a range"),
        (&["edit", "--sources", "::1"], "same family"),
        (&["edit", "--pid", "1073741824"], "there is no process"),
        (&["idle", "--connections", "1000000", "--descriptors", "process"], "--descriptors direct"),
        (&["idle", "--active", "2"], "from 0 to 1"),
        (&["idle", "--edits", "x"], "from 0 to 1000000000"),
        (&["edit", "--bytes", "65536", "--seconds", "43200"], "4294967296 bytes of text"),
        (&["presence", "--rate", "1e9"], "fewer than 1073741824 messages"),
        (&["fanout", "--writers", "100000", "--readers", "100000"], "100000000 pairs"),
        (&["join", "--megabytes", "100000"], "at most 512"),
        (&["replay", "--trace", "/nowhere"], "/nowhere"),
        (&["dance"], "unrecognized subcommand"),
    ] {
        let (code, said) = load::plain(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
