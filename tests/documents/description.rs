//! The OpenAPI file, held against what the server knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// Paths that are for browsers, not for programs: the file leaves them out.
const PAGES: [&str; 4] = ["/", "/play", "/play/", "/assets/{name}"];

/// Paths of routes in the sources of a folder.
fn routes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the sources are there").path();
        if path.is_dir() {
            routes(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("sources are text");
            for behind in source.split(".route(").skip(1) {
                let literal = behind.trim_start().strip_prefix('"').expect("paths stand where they are used");
                found.insert(literal.split('"').next().expect("a split has a part").to_owned());
            }
        }
    }
}

fn resolve<'a>(file: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => file.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} is nowhere")),
        None => value,
    }
}

/// Follows every reference.
fn check_references(file: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            resolve(file, value);
            fields.values().for_each(|value| check_references(file, value));
        }
        Value::Array(values) => values.iter().for_each(|value| check_references(file, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_route_is_described_and_every_description_answered() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let file = plane.get("/openapi.json").expect(200).json();
    assert_eq!(file["openapi"], "3.1.0");
    check_references(&file, &file);
    let described: BTreeMap<String, BTreeSet<String>> = file["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys().filter(|key| *key != "parameters");
            (path.clone(), methods.map(|method| method.to_uppercase()).collect())
        })
        .collect();
    let mut known = BTreeSet::new();
    routes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control"), &mut known);
    known.retain(|path| !PAGES.contains(&path.as_str()));
    assert_eq!(known, described.keys().cloned().collect(), "routes and what is described");

    for (path, methods) in &described {
        let path = path.replace(['{', '}'], "");
        let refused = plane.ask(&format!("EXPLODE {path}"), &[], &[]).expect(405);
        let allowed = refused.header("allow").split(',').filter(|method| *method != "HEAD");
        assert_eq!(&allowed.map(str::to_owned).collect::<BTreeSet<_>>(), methods, "{path}");
    }
}

#[test]
fn every_operation_says_what_it_is_and_how_it_fails() {
    let file: Value = serde_json::from_str(include_str!("../../src/control/openapi.json")).expect("it is JSON");
    let mut ids = BTreeSet::new();
    for (path, item) in file["paths"].as_object().expect("paths") {
        let parameters = |of: &Value| of["parameters"].as_array().cloned().unwrap_or_default();
        for (method, operation) in item.as_object().expect("operations").iter().filter(|(key, _)| *key != "parameters")
        {
            let what = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().expect(&what).to_owned()), "{what}");
            assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{what}");
            let in_path = parameters(item).into_iter().chain(parameters(operation));
            let in_path = in_path.filter(|parameter| resolve(&file, parameter)["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{what}");
            let responses = operation["responses"].as_object().expect(&what);
            assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
            for (status, response) in responses {
                let response = resolve(&file, response);
                assert!(response["description"].is_string(), "{what} {status}");
                // A timeout has no body, and health has one of its own.
                let is_problem = response["content"].get("application/json").is_none();
                if status.as_str() >= "400" && status != "408" && is_problem {
                    assert!(response["content"]["application/problem+json"]["example"].is_object(), "{what} {status}");
                }
            }
            let is_public = operation["security"] == serde_json::json!([]);
            assert_eq!(is_public, !responses.contains_key("401"), "{what}");
        }
    }
}

/// Whether the value is what the schema describes, as far as schemas of answers need it.
fn fits(file: &Value, schema: &Value, value: &Value) -> bool {
    let schema = resolve(file, schema);
    let is_of_type = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some(other) => panic!("no such type is known here: {other}"),
    };
    let listed = |key: &str| schema[key].as_array().into_iter().flatten();
    let is_an_option =
        schema["oneOf"].is_null() || listed("oneOf").filter(|option| fits(file, option, value)).count() == 1;
    let is_allowed = schema["enum"].is_null() || listed("enum").any(|allowed| allowed == value);
    let has_all = listed("required").all(|key| value.get(key.as_str().expect("a key")).is_some());
    let fields_fit = value.as_object().into_iter().flatten().all(|(key, field)| match schema["properties"].get(key) {
        Some(property) => fits(file, property, field),
        None => schema["additionalProperties"] != false,
    });
    let items_fit = schema["items"].is_null()
        || value.as_array().into_iter().flatten().all(|item| fits(file, &schema["items"], item));
    is_of_type && is_an_option && is_allowed && has_all && fields_fit && items_fit
}

#[test]
fn comparisons_are_what_the_file_describes() {
    let Fixture { plane, .. } = &Fixture::start(&[]);
    let patch = |operations: Value| plane.tell("PATCH /v1/documents/a/content", &operations).expect(200);
    let paragraph = json!({"$xml": {"name": "p", "children": [{"text": [{"insert": "one two"}]}]}});
    plane.ask("PUT /v1/documents/a", &[], &[]).expect(201);
    patch(json!([
        {"op": "text_insert", "root": "text", "index": 0, "text": "one two"},
        {"op": "array_insert", "root": "array", "index": 0, "values": [1, 2, 3]},
        {"op": "array_insert", "root": "xml", "index": 0, "values": [paragraph]},
    ]));
    let kept = plane.tell("POST /v1/documents/a/versions", &json!({})).expect(201).header("location").to_owned();
    patch(json!([
        {"op": "text_replace", "root": "text", "index": 4, "length": 3, "text": "three"},
        {"op": "array_delete", "root": "array", "index": 1, "length": 1},
        {"op": "map_set", "root": "map", "key": "k", "value": null},
        {"op": "text_insert", "root": "xml", "path": [0, 0], "index": 7, "text": " three"},
    ]));
    let compared = plane.get(&format!("{kept}/compare")).expect(200);
    assert_eq!(compared.header("content-type"), "application/json");
    let compared = compared.json();
    let file = plane.get("/openapi.json").expect(200).json();
    let schema = &file["components"]["schemas"]["Comparison"];
    assert!(fits(&file, schema, &compared), "{compared}");
    let written = compared.to_string();
    for key in ["retain", "insert", "delete", "set", "splice", "pieces"] {
        assert!(
            written.contains(&format!("{{\"{key}\":")) || written.contains(&format!("\"{key}\":[")),
            "{key}: {written}"
        );
    }
    let mut odd = compared;
    odd["roots"][0]["more"] = 1.into();
    assert!(!fits(&file, schema, &odd), "what is not described is found");
}
