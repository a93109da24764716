//! What the crate stands on. Bytes to values and back needs no I/O and no clock, so nothing that brings them may come in,
//! not even through something else; and what is left builds for the browser.

use std::{collections::BTreeSet, env, path::Path, process::Command};

/// Every crate that the library may be linked with, its own dependencies included.
const ALLOWED: &[&str] = &[
    "selvedge-protocol",
    // Compressed messages.
    "flate2",
    "zlib-rs",
    // Request heads.
    "httparse",
    // The answer to an upgrade key, and what SHA-1 is made of.
    "base64",
    "sha1",
    "block-buffer",
    "cfg-if",
    "cpufeatures",
    "crypto-common",
    "digest",
    "hybrid-array",
    "libc", // `cpufeatures` reads processor features with it on some ARM systems
    "typenum",
    // UTF-8.
    "simdutf8",
];

const WASM: &str = "wasm32-unknown-unknown";

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, as it runs this test");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

#[test]
fn nothing_is_linked_that_could_do_io_or_read_a_clock() {
    let arguments = ["tree", "--offline", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none"];
    let tree = cargo(&[&arguments[..], &["--package", "selvedge-protocol", "--format", "{p}"]].concat());
    let linked: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(linked.contains("httparse"), "the list is that of the crate: {tree}");
    let strangers: Vec<_> = linked.difference(&ALLOWED.iter().copied().collect()).copied().collect();
    assert!(strangers.is_empty(), "not allowed in protocol: {strangers:?}");
}

#[test]
fn the_crate_builds_for_wasm_where_the_target_is_installed() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let sysroot = Command::new(rustc)
        .args(["--print", "sysroot"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("rustc runs, as it compiled this test");
    let sysroot = String::from_utf8(sysroot.stdout).expect("the path is UTF-8");
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).exists() {
        eprintln!("not checked: the target {WASM} is not installed");
        return;
    }
    // A folder of its own: the build that runs this test holds the lock of the usual one.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm");
    let folder = folder.to_str().expect("the path is UTF-8");
    cargo(&["check", "--release", "--offline", "--locked", "--lib", "--target", WASM, "--target-dir", folder]);
}
