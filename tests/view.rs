//! View workers as the server runs them: the built binary, in its sandbox, asked over pipes. What they answer, what they are not allowed, and what
//! documents that were made to do harm cost.

#[path = "view/documents.rs"]
mod documents;
#[path = "view/hostile.rs"]
mod hostile;
#[path = "view/processes.rs"]
mod processes;

use std::future::Future;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use documents::{Deep, Writer, hex};
use processes::Worker;
use selvedge::view::{Death, Operation, Options, Size, View, ViewError};
use serde_json::{Value, json};

/// Held by tests that count what this process has; the others share it.
static ALONE: RwLock<()> = RwLock::new(());

fn run<T>(what: impl Future<Output = T>) -> T {
    let _others = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    run_here(what)
}

/// The control plane has an executor of one thread too.
fn run_here<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads can be had").block_on(what)
}

fn options() -> Options {
    Options {
        program: env!("CARGO_BIN_EXE_selvedge").into(),
        workers_max: 2,
        waiting_max: 16,
        timeout: Duration::from_secs(30),
        memory_bytes: 512 << 20,
        answer_bytes_max: 16 << 20,
        requests_per_worker_max: 1,
    }
}

async fn json_of(view: &View, update: Bytes) -> Result<Value, ViewError> {
    Ok(serde_json::from_slice(&view.json_bytes(update).await?).expect("it was checked"))
}

async fn compared(view: &View, before: Bytes, after: Bytes) -> Result<Value, ViewError> {
    Ok(serde_json::from_slice(&view.compare_bytes(before, after).await?).expect("it was checked"))
}

fn operations(value: Value) -> Vec<Operation> {
    serde_json::from_value(value).expect("operations")
}

#[test]
fn json_loses_nothing_of_a_document() {
    run(async {
        let view = View::new(options());
        let shown = json_of(&view, Writer::with_everything().update()).await.expect("a document");
        assert_eq!(
            shown,
            json!({ "roots": {
                "text": { "type": "text", "value": "Hello 😀", "delta": [
                    { "insert": "Hello", "attributes": { "bold": true } },
                    { "insert": { "image": "x.png" }, "attributes": { "bold": true } },
                    { "insert": " 😀" },
                ] },
                "map": { "type": "map", "value": {
                    "plain": { "a": [1, null, "x"] },
                    "binary": { "$binary": "AP8=" },
                    "large": { "$bigint": "1152921504606846977" },
                    "undefined": { "$undefined": true },
                    "infinite": { "$number": "Infinity" },
                    "$odd": { "$object": { "$binary": "no" } },
                    "nested": { "n": 1 },
                    "document": { "$document": "sub" },
                } },
                "array": { "type": "array", "value": [1, 2, { "done": true }] },
                "xml": { "type": "xml_fragment", "value": "<p class=\"lead\">in</p>", "nodes": [
                    { "name": "p", "attributes": { "class": "lead" }, "children": [{ "text": [{ "insert": "in" }] }] },
                ] },
            } })
        );
        assert_eq!(json_of(&view, hex("0000")).await.expect("empty"), json!({ "roots": {} }));
    });
}

#[test]
fn text_is_that_of_a_root_or_of_all_that_have_any() {
    run(async {
        let view = View::new(options());
        let document = Writer::with_everything().update();
        let text = |root: Option<&str>| view.text(document.clone(), root.map(str::to_owned));
        assert_eq!(text(None).await.as_deref(), Ok("Hello 😀\nin"));
        assert_eq!(text(Some("text")).await.as_deref(), Ok("Hello 😀"));
        assert_eq!(text(Some("xml")).await.as_deref(), Ok("<p class=\"lead\">in</p>"));
        assert_eq!(text(Some("map")).await, Err(ViewError::NoSuchRoot));
        assert_eq!(text(Some("none")).await, Err(ViewError::NoSuchRoot));
    });
}

#[test]
fn an_edit_is_an_update_that_does_what_its_operations_say() {
    run(async {
        let view = View::new(options());
        let writer = Writer::with_everything();
        let edit = operations(json!([
            { "op": "text_insert", "root": "text", "index": 0, "text": "> " },
            { "op": "text_replace", "root": "text", "index": 9, "length": 2, "text": "you", "attributes": { "italic": true } },
            { "op": "text_format", "root": "text", "index": 2, "length": 5, "attributes": { "bold": null } },
            { "op": "text_embed", "root": "text", "index": 0, "value": { "image": "y.png" } },
            { "op": "map_set", "root": "map", "key": "made", "value": { "$map": { "list": { "$array": [1, { "$text": "t" }] } } } },
            { "op": "text_insert", "root": "map", "path": ["made", "list", 1], "index": 1, "text": "ext" },
            { "op": "map_set", "root": "map", "path": ["nested"], "key": "n", "value": { "$bigint": "1152921504606846977" } },
            { "op": "map_delete", "root": "map", "key": "plain" },
            { "op": "array_replace", "root": "array", "index": 0, "length": 2, "values": [{ "a": 1 }] },
            { "op": "array_delete", "root": "array", "index": 1, "length": 1 },
            { "op": "array_insert", "root": "xml", "index": 1, "values": [
                { "$xml": { "name": "q", "attributes": { "n": 1 }, "children": [{ "text": [{ "insert": "new" }] }] } }] },
            { "op": "text_insert", "root": "xml", "path": [1, 0], "index": 3, "text": "er" },
            { "op": "map_set", "root": "xml", "path": [0], "key": "class", "value": "other" },
            { "op": "text_insert", "root": "more", "index": 0, "text": "a root that was not there" },
        ]));
        let update = view.patch(writer.update(), edit).await.expect("they can all be done");
        // Somebody has edited meanwhile.
        writer.push("!");
        writer.apply(&update);
        let shown = json_of(&view, writer.update()).await.expect("a document");
        let roots = &shown["roots"];
        assert_eq!(
            roots["text"]["delta"],
            json!([
                { "insert": { "image": "y.png" } },
                { "insert": "> Hello" },
                { "insert": { "image": "x.png" }, "attributes": { "bold": true } },
                { "insert": " " },
                { "insert": "you", "attributes": { "italic": true } },
                { "insert": "!" },
            ])
        );
        assert_eq!(roots["map"]["value"]["made"], json!({ "list": [1, "text"] }));
        assert_eq!(roots["map"]["value"]["nested"], json!({ "n": { "$bigint": "1152921504606846977" } }));
        assert_eq!(roots["map"]["value"]["plain"], Value::Null);
        assert_eq!(roots["array"]["value"], json!([{ "a": 1 }]));
        assert_eq!(roots["xml"]["value"], json!("<p class=\"other\">in</p><q n=\"1\">newer</q>"));
        assert_eq!(roots["more"]["value"], json!("a root that was not there"));
        assert_eq!(view.patch(writer.update(), Vec::new()).await.expect("nothing to do"), hex("0000"));
    });
}

#[test]
fn text_looks_like_the_first_character_that_it_replaces() {
    run(async {
        let view = View::new(options());
        for (operation, expected) in [
            (
                json!({ "index": 0, "length": 5, "text": "Bye" }),
                json!([
                    { "insert": "Bye", "attributes": { "bold": true } },
                    { "insert": { "image": "x.png" }, "attributes": { "bold": true } },
                    { "insert": " 😀!" },
                ]),
            ),
            (
                json!({ "index": 4, "length": 5, "text": "p." }),
                json!([{ "insert": "Hellp.", "attributes": { "bold": true } }, { "insert": "!" }]),
            ),
            (
                json!({ "index": 0, "length": 1, "text": "Ch" }),
                json!([
                    { "insert": "Chello", "attributes": { "bold": true } },
                    { "insert": { "image": "x.png" }, "attributes": { "bold": true } },
                    { "insert": " 😀!" },
                ]),
            ),
            (
                json!({ "index": 7, "length": 2, "text": "🎈x" }),
                json!([
                    { "insert": "Hello", "attributes": { "bold": true } },
                    { "insert": { "image": "x.png" }, "attributes": { "bold": true } },
                    { "insert": " 🎈x!" },
                ]),
            ),
            (json!({ "index": 0, "length": 6, "text": "a", "attributes": {} }), json!([{ "insert": "a 😀!" }])),
        ] {
            let mut replace = operation;
            replace["op"] = "text_replace".into();
            replace["root"] = "text".into();
            let writer = Writer::with_everything();
            let update = view.patch(writer.update(), operations(json!([replace]))).await.expect("it can be done");
            // Somebody has written beside it meanwhile.
            writer.push("!");
            writer.apply(&update);
            let shown = json_of(&view, writer.update()).await.expect("a document");
            assert_eq!(shown["roots"]["text"]["delta"], expected, "{replace}");
        }
    });
}

#[test]
fn two_edits_of_one_state_are_two_edits() {
    run(async {
        let view = View::new(options());
        let writer = Writer::text(5, "");
        let insert =
            |text: &str| operations(json!([{ "op": "text_insert", "root": "text", "index": 0, "text": text }]));
        for text in ["a", "b"] {
            let update = view.patch(hex("0000"), insert(text)).await.expect("an edit");
            writer.apply(&update);
        }
        let text = view.text(writer.update(), None).await.expect("a document");
        assert!(text == "ab" || text == "ba", "{text}");
    });
}

#[test]
fn what_cannot_be_done_is_refused_with_its_place_and_nothing_is_done() {
    run(async {
        let view = View::new(Options { requests_per_worker_max: 1_000, ..options() });
        let document = Writer::with_everything().update();
        for (operation, why) in [
            (json!({ "op": "text_insert", "root": "text", "index": 10, "text": "x" }), "9 units"),
            (json!({ "op": "text_insert", "root": "text", "index": 8, "text": "x" }), "second half"),
            (json!({ "op": "text_delete", "root": "text", "index": 6, "length": 2 }), "second half"),
            (json!({ "op": "text_delete", "root": "text", "index": 1, "length": u32::MAX }), "beyond"),
            (json!({ "op": "text_format", "root": "text", "index": 1, "length": 9, "attributes": {} }), "9 units"),
            (json!({ "op": "text_insert", "root": "map", "index": 0, "text": "x" }), "map"),
            (json!({ "op": "map_set", "root": "text", "key": "k", "value": 1 }), "text"),
            (json!({ "op": "map_set", "root": "map", "path": ["plain"], "key": "k", "value": 1 }), "plain value"),
            (json!({ "op": "map_set", "root": "map", "path": ["plain", "a"], "key": "k", "value": 1 }), "as a whole"),
            (json!({ "op": "map_set", "root": "map", "path": ["none"], "key": "k", "value": 1 }), "nothing"),
            (json!({ "op": "map_set", "root": "none", "path": ["none"], "key": "k", "value": 1 }), "no root"),
            (json!({ "op": "map_set", "root": "map", "key": "k", "value": { "$else": 1 } }), "$else"),
            (json!({ "op": "map_set", "root": "map", "key": "k", "value": { "$text": 1 } }), "$text"),
            (json!({ "op": "map_delete", "root": "map", "key": "none" }), "no entry"),
            (json!({ "op": "array_insert", "root": "array", "index": 4, "values": [] }), "3 values"),
            (json!({ "op": "array_delete", "root": "array", "index": 3, "length": 1 }), "3 values"),
            (json!({ "op": "array_insert", "root": "array", "path": [7], "index": 0, "values": [] }), "nothing"),
            (json!({ "op": "array_insert", "root": "xml", "index": 0, "values": [1] }), "XML"),
        ] {
            let good = json!({ "op": "text_insert", "root": "text", "index": 0, "text": "" });
            let result = view.patch(document.clone(), operations(json!([good, operation]))).await;
            let Err(error) = result else { panic!("{operation} was done") };
            let ViewError::BadOperation { index: 1, why: said } = error else { panic!("{operation}: {error}") };
            assert!(said.contains(why), "{operation}: {said}");
        }
        assert_eq!(view.counters().workers_started, 1, "no worker was lost: {:?}", view.counters());
    });
}

/// So many lists, each in the one before.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |value, _| json!([value]))
}

/// What PATCH takes can be shown, kept and brought back; one level more of anything is refused.
#[test]
fn what_would_lie_too_deep_is_not_put_in() {
    run(async {
        let view = View::new(Options { requests_per_worker_max: 1_000, ..options() });
        let containers = json!([
            { "op": "map_set", "root": "map", "key": "map", "value": { "$map": { "a": 1, "b": { "$map": { "$c": 1 } } } } },
            { "op": "map_set", "root": "map", "key": "array", "value": { "$array": [{ "$array": [1] }] } },
            { "op": "map_set", "root": "map", "key": "text", "value": { "$text": [{ "insert": { "$map": {} } }] } },
            { "op": "map_set", "root": "map", "key": "xml", "value": { "$xml": { "children": [
                { "name": "p", "children": [{ "text": "x" }, { "value": { "$map": {} } }] },
            ] } } },
            { "op": "text_embed", "root": "text", "index": 0, "value": { "a": 1 } },
            { "op": "array_insert", "root": "array", "index": 0, "values": [1, { "$xml": { "name": "p" } }] },
            { "op": "array_insert", "root": "xml", "index": 0, "values": [{ "$xml": { "name": "p" } }] },
        ]);
        let update = view.patch(hex("0000"), operations(containers)).await.expect("an edit");
        let writer = Writer::new(9);
        writer.apply(&update);
        let document = writer.update();
        let of = |root: &'static str, path: Value| move |value: Value| json!({ "op": "map_set", "root": root, "path": path, "key": "k", "value": value });
        let set = |path: Value| of("map", path);
        let insert = |path: Value| move |value: Value| json!({ "op": "array_insert", "root": "map", "path": path, "index": 0, "values": [value] });
        let format = |path: Value| {
            move |value: Value| {
                let attributes = json!({ "k": value });
                let text = json!({ "op": "text_insert", "root": "map", "index": 0, "text": "x" });
                let mut operation = text.as_object().expect("it is one").clone();
                operation.extend([("path".into(), path.clone()), ("attributes".into(), attributes)]);
                operation.into()
            }
        };
        let ways: Vec<Box<dyn Fn(Value) -> Value>> = vec![
            Box::new(set(json!([]))),
            Box::new(set(json!(["map"]))),
            Box::new(set(json!(["map", "b"]))),
            Box::new(insert(json!(["array"]))),
            Box::new(insert(json!(["array", 0]))),
            Box::new(set(json!(["text", 0]))),
            Box::new(format(json!(["text"]))),
            Box::new(set(json!(["xml", 0]))),
            Box::new(format(json!(["xml", 0, 0]))),
            Box::new(set(json!(["xml", 0, 0]))),
            Box::new(set(json!(["xml", 0, 1]))),
            Box::new(of("array", json!([1]))),
            Box::new(of("xml", json!([0]))),
            Box::new(|value| json!({ "op": "array_insert", "root": "array", "index": 0, "values": [value] })),
            Box::new(|value| json!({ "op": "text_embed", "root": "text", "index": 0, "value": { "k": value } })),
            Box::new(|value| {
                let attributes = json!({ "k": value });
                json!({ "op": "text_format", "root": "text", "index": 0, "length": 1, "attributes": attributes })
            }),
        ];
        for way in ways {
            let (mut levels, mut refused, mut accepted) = (80, None, None);
            while refused.is_none() {
                match view.patch(document.clone(), operations(json!([way(nested(levels))]))).await {
                    Ok(update) => accepted = Some(update),
                    Err(error) => refused = Some(error),
                }
                levels += 1;
            }
            let what = way(json!(levels - 1));
            let Some(ViewError::BadOperation { index: 0, why }) = refused else { panic!("{what}: {refused:?}") };
            let root = what["root"].as_str().expect("it has one");
            assert!(why.contains(&format!("more than 100 levels deep, at [\"{root}\",[")), "{what}: {why}");
            let writer = Writer::new(10);
            writer.apply(&document);
            writer.apply(&accepted.expect("fewer levels are taken"));
            let deepest = writer.update();
            let shown = json_of(&view, deepest.clone()).await;
            assert!(shown.is_ok(), "{what}: {shown:?}");
            let later = json!([{ "op": "map_set", "root": "later", "key": "k", "value": 1 }]);
            writer.apply(&view.patch(deepest.clone(), operations(later)).await.expect("an edit"));
            let back = view.restore(writer.update(), deepest).await;
            assert!(back.is_ok(), "{what}: {back:?}");
        }
    });
}

#[test]
fn what_lies_too_deep_now_does_not_keep_a_version_from_coming_back() {
    run(async {
        let view = View::new(Options { requests_per_worker_max: 1_000, ..options() });
        let version = Writer::with_everything().update();
        let wanted = json_of(&view, version.clone()).await.expect("a document");
        for deep in [Deep::Value, Deep::Maps, Deep::Format] {
            let writer = Writer::new(9);
            writer.apply(&version);
            writer.deepen(deep);
            let now = writer.update();
            let shown = json_of(&view, now.clone()).await;
            assert!(matches!(shown, Err(ViewError::TooLarge { what: Size::Depth, .. })), "{shown:?}");
            let comparison = compared(&view, version.clone(), now.clone()).await.expect("two states").to_string();
            assert!(comparison.contains(r#"{"$cut":true}"#), "{comparison}");
            writer.apply(&view.restore(now, version.clone()).await.expect("a version of it"));
            assert_eq!(json_of(&view, writer.update()).await.expect("a document"), wanted);
        }
    });
}

#[test]
fn a_comparison_says_what_changed_where_and_by_whom() {
    run(async {
        let view = View::new(options());
        let writer = Writer::text(5, "one two");
        let before = writer.update();
        let other = Writer::new(77);
        other.apply(&before);
        other.push(" three");
        let edit = operations(json!([
            { "op": "text_delete", "root": "text", "index": 0, "length": 4 },
            { "op": "map_set", "root": "map", "key": "k", "value": 1 },
        ]));
        let update = view.patch(other.update(), edit).await.expect("an edit");
        other.apply(&update);
        let comparison = compared(&view, before.clone(), other.update()).await.expect("two states");
        let clients = comparison["clients"].as_array().expect("a list").iter();
        let clients: Vec<u64> = clients.map(|change| change["client"].as_u64().expect("a number")).collect();
        let [made, 77] = clients[..] else { panic!("{comparison}") };
        assert_ne!(made, 5);
        assert_eq!(
            comparison,
            json!({
                "clients": [{ "client": made, "inserted": 1 }, { "client": 77, "inserted": 6 }],
                "deleted": 4,
                "roots": [
                    { "root": "map", "type": "map", "state": "added", "clients": [made], "text": [], "values": [
                        { "set": { "path": ["k"], "after": 1 } },
                    ] },
                    { "root": "text", "type": "text", "state": "changed", "clients": [77], "values": [], "text": [
                        { "delete": { "value": "one ", "attributes": {} } },
                        { "retain": 3, "text": "two" },
                        { "insert": { "value": " three", "attributes": {} } },
                    ] },
                ],
            })
        );
        let same = compared(&view, before.clone(), before).await.expect("two states");
        assert_eq!(same, json!({ "clients": [], "deleted": 0, "roots": [] }));
    });
}

#[test]
fn a_version_comes_back_as_an_edit() {
    run(async {
        let view = View::new(options());
        let writer = Writer::with_everything();
        let version = writer.update();
        let wanted = json_of(&view, version.clone()).await.expect("a document");
        let edit = operations(json!([
            { "op": "text_delete", "root": "text", "index": 0, "length": 9 },
            { "op": "map_delete", "root": "map", "key": "nested" },
            { "op": "array_replace", "root": "array", "index": 0, "length": 3, "values": ["gone"] },
            { "op": "array_delete", "root": "xml", "index": 0, "length": 1 },
            { "op": "text_insert", "root": "later", "index": 0, "text": "x" },
        ]));
        let update = view.patch(writer.update(), edit).await.expect("an edit");
        writer.apply(&update);
        let back = view.restore(writer.update(), version).await.expect("a version of it");
        writer.apply(&back);
        let mut shown = json_of(&view, writer.update()).await.expect("a document");
        assert_eq!(shown["roots"]["later"], json!({ "type": "empty" }));
        shown["roots"].as_object_mut().expect("roots").remove("later");
        assert_eq!(shown, wanted);
    });
}

#[test]
fn a_worker_may_only_read_and_write_its_pipes_and_take_memory() {
    run(async {
        // Open here, and not to be had there.
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let _file = std::fs::File::open("/proc/self/stat").expect("a file");
        let options = Options { requests_per_worker_max: 10, answer_bytes_max: 1_234_567, ..options() };
        let view = View::new(options.clone());
        json_of(&view, Writer::with_everything().update()).await.expect("a document");
        let workers = Worker::of(&options);
        let [worker] = workers.as_slice() else { panic!("{workers:?}") };
        let status = worker.status();
        assert_eq!(
            (status["Seccomp"].as_str(), status["NoNewPrivs"].as_str(), status["Threads"].as_str()),
            ("2", "1", "1")
        );
        let memory = options.memory_bytes.to_string();
        for (name, most) in [
            ("Max address space", memory.as_str()),
            ("Max cpu time", "311"),
            ("Max open files", "0"),
            ("Max processes", "0"),
            ("Max file size", "0"),
            ("Max core file size", "0"),
            ("Max locked memory", "0"),
            ("Max msgqueue size", "0"),
            ("Max pending signals", "0"),
        ] {
            assert_eq!(worker.limit(name), [most, most], "{name}");
        }
        let mut descriptors = worker.descriptors();
        // What this process was itself given to pass on; the filter leaves no call that could be made on it.
        descriptors.retain(|number, _| !processes::is_inherited(number));
        assert_eq!(descriptors.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
        assert!(descriptors.values().all(|target| target.to_string_lossy().starts_with("pipe:")), "{descriptors:?}");
        assert_eq!(worker.working_directory().to_str(), Some("/"));
        assert_eq!(worker.file("environ"), "");
        assert_eq!(worker.stat(19), "10", "niceness");
        assert_eq!(view.counters().workers_idle, 1);
    });
}

#[test]
fn a_worker_ends_with_its_view() {
    let options = Options { requests_per_worker_max: 10, answer_bytes_max: 1_234_568, ..options() };
    run(async {
        let view = View::new(options.clone());
        json_of(&view, hex("0000")).await.expect("empty");
        assert_eq!(Worker::of(&options).len(), 1);
    });
    processes::until(|| Worker::of(&options).is_empty());
}

/// Asks everything about a document, on both sides where there are two.
async fn every_call(view: &View, document: &Bytes, good: &Bytes) -> Vec<Result<(), ViewError>> {
    let edit = operations(json!([{ "op": "text_insert", "root": "elsewhere", "index": 0, "text": "x" }]));
    vec![
        view.json_bytes(document.clone()).await.map(drop),
        view.text(document.clone(), None).await.map(drop),
        view.text(document.clone(), Some("a".into())).await.map(drop),
        view.patch(document.clone(), edit).await.map(drop),
        view.compare_bytes(document.clone(), good.clone()).await.map(drop),
        view.compare_bytes(good.clone(), document.clone()).await.map(drop),
        view.restore(document.clone(), good.clone()).await.map(drop),
        view.restore(good.clone(), document.clone()).await.map(drop),
    ]
}

async fn eventually(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn hostile_documents_cost_their_own_request_and_nothing_is_left_of_them() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    run_here(async {
        for requests_per_worker_max in [1, 1_000] {
            let options = Options { timeout: Duration::from_millis(500), requests_per_worker_max, ..options() };
            // Its own time: a good document must not be late only because the machine has much to do.
            let patient = Options { timeout: Duration::from_secs(60), ..options.clone() };
            let (view, other) = (View::new(options), View::new(patient));
            let good = Writer::with_everything().update();
            let wanted = json_of(&other, good.clone()).await.expect("a good document");
            let before = processes::descriptors();
            let crashers = hostile::CRASHERS.iter().map(|text| (*text, hex(text)));
            for (name, document) in crashers.chain(hostile::well_formed()) {
                let results = every_call(&view, &document, &good).await;
                let is_expected = |result: &Result<(), ViewError>| match result {
                    // An array is no text.
                    Ok(()) | Err(ViewError::NoSuchRoot) => true,
                    Err(
                        ViewError::TimedOut { .. }
                        | ViewError::TooLarge { .. }
                        | ViewError::Died(_)
                        | ViewError::Malformed,
                    ) => true,
                    Err(ViewError::BadOperation { .. } | ViewError::Busy | ViewError::Unavailable { .. }) => false,
                };
                assert!(results.iter().all(is_expected), "{name}: {results:?}");
                assert!(results.iter().any(Result::is_err), "{name} is harmless");
                assert_eq!(json_of(&other, good.clone()).await.as_ref(), Ok(&wanted), "after {name}");
            }
            let counters = view.counters();
            println!("{counters:?}");
            assert!(counters.timed_out > 0 && counters.malformed > 0 && counters.too_large > 0, "{counters:?}");
            eventually(|| view.counters().workers_busy == 0 && other.counters().workers_busy == 0).await;
            drop((view, other));
            eventually(|| processes::count() == 0).await;
            // Pipes of the workers that waited are closed with them.
            eventually(|| processes::descriptors() <= before).await;
        }
    });
}

#[test]
fn a_document_that_takes_too_much_memory_is_told_so() {
    run(async {
        let options = Options { memory_bytes: 256 << 20, timeout: Duration::from_secs(60), ..options() };
        let view = View::new(options);
        let result = json_of(&view, hostile::many_values(5_000_000)).await;
        assert_eq!(result, Err(ViewError::TooLarge { what: Size::Memory, allowed: 256 << 20 }));
        let result = json_of(&view, vec![0; (32 << 20) + 1].into()).await;
        assert_eq!(result, Err(ViewError::TooLarge { what: Size::Input, allowed: 32 << 20 }));
        let counters = view.counters();
        assert_eq!((counters.too_large, counters.workers_started, counters.workers_lost), (2, 1, 1));
    });
}

#[test]
fn an_answer_that_is_too_large_is_none() {
    run(async {
        let view = View::new(Options { answer_bytes_max: 100, ..options() });
        let document = Writer::text(5, &"x".repeat(101)).update();
        let too_large = ViewError::TooLarge { what: Size::Answer, allowed: 100 };
        assert_eq!(json_of(&view, document.clone()).await, Err(too_large.clone()));
        assert_eq!(view.text(document.clone(), None).await, Err(too_large.clone()));
        assert_eq!(view.compare_bytes(hex("0000"), document).await, Err(too_large));
    });
}

/// A program in place of the worker.
async fn ask_impostor(name: &str) -> Result<Value, ViewError> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/view/impostors/").to_owned() + name;
    // Half of it is enough to begin in, on any machine: who begins later is told that others were in the way.
    let timeout = Duration::from_millis(if ["hangs", "complains"].contains(&name) { 2_000 } else { 60_000 });
    let view = View::new(Options { program: program.into(), timeout, ..options() });
    let result = json_of(&view, Writer::text(5, &"x".repeat(200_000)).update()).await;
    eventually(|| view.counters().workers_busy == 0).await;
    result
}

#[test]
fn what_a_worker_says_is_not_believed() {
    run(async {
        for (name, expected) in [
            ("hangs", ViewError::TimedOut { timeout_ms: 2_000 }),
            ("complains", ViewError::TimedOut { timeout_ms: 2_000 }),
            ("goes", ViewError::Died(Death::Exit(7))),
            ("stops", ViewError::Died(Death::Exit(0))),
            ("closes", ViewError::Died(Death::Silence)),
        ] {
            assert_eq!(ask_impostor(name).await, Err(expected), "{name}");
        }
        // They are done before they have read what they were asked, or after.
        for name in ["babbles", "boasts", "mumbles"] {
            let view = View::new(Options {
                program: (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/view/impostors/").to_owned() + name).into(),
                ..options()
            });
            assert_eq!(json_of(&view, hex("0000")).await, Err(ViewError::Died(Death::Nonsense)), "{name}");
        }
        let missing = ask_impostor("missing").await;
        assert!(matches!(missing, Err(ViewError::Unavailable { .. })), "{missing:?}");
    });
}

#[test]
fn who_finds_no_place_to_wait_or_waits_too_long_is_told_that_others_are_in_the_way() {
    run(async {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/view/impostors/hangs").into();
        let timeout = Duration::from_secs(4);
        let view = View::new(Options { program, workers_max: 1, waiting_max: 2, timeout, ..options() });
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let view = view.clone();
                tokio::spawn(async move { json_of(&view, hex("0000")).await })
            })
            .collect();
        let mut results = Vec::new();
        for asked in asked {
            results.push(asked.await.expect("no panic"));
        }
        let count = |wanted: &ViewError| results.iter().filter(|result| result.as_ref() == Err(wanted)).count();
        assert_eq!((count(&ViewError::TimedOut { timeout_ms: 4_000 }), count(&ViewError::Busy)), (1, 7), "{results:?}");
        let counters = view.counters();
        assert_eq!((counters.requests, counters.timed_out, counters.busy), (8, 1, 7));
    });
}

#[test]
fn a_worker_is_kept_for_as_many_requests_as_are_set() {
    run(async {
        let view = View::new(Options { requests_per_worker_max: 3, workers_max: 1, ..options() });
        for request in 0..7_u64 {
            json_of(&view, hex("0000")).await.expect("empty");
            assert_eq!(view.counters().workers_started, 1 + request / 3);
        }
        assert_eq!(view.counters().workers_lost, 0);
    });
}

#[test]
fn a_worker_that_died_while_it_waited_costs_nobody_a_request() {
    run(async {
        let options = Options { requests_per_worker_max: 100, answer_bytes_max: 1_234_569, ..options() };
        let view = View::new(options.clone());
        json_of(&view, hex("0000")).await.expect("empty");
        let number = Worker::of(&options)[0].pid();
        let pid = rustix::process::Pid::from_raw(number).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        // One that is being ended has no command line any more, and has not ended yet: its parent is told when it is a zombie.
        let has_ended = || {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
        };
        eventually(has_ended).await;
        json_of(&view, hex("0000")).await.expect("empty");
        let counters = view.counters();
        assert_eq!((counters.workers_started, counters.workers_lost, counters.died), (2, 1, 0));
    });
}

#[test]
fn who_stops_to_wait_leaves_nothing_behind() {
    run(async {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/view/impostors/hangs").into();
        let options = Options { program, answer_bytes_max: 1_234_570, ..options() };
        let view = View::new(options.clone());
        let asked = tokio::spawn({
            let view = view.clone();
            async move { json_of(&view, hex("0000")).await }
        });
        eventually(|| view.counters().workers_busy == 1).await;
        asked.abort();
        eventually(|| view.counters().workers_busy == 0).await;
        assert_eq!(view.counters().abandoned, 1);
    });
}
