//! Gives the binary its version: that of the package, and the commit where it is built from a checkout. A build without git, or
//! without a checkout, is a build without a commit.

use std::path::Path;
use std::process::Command;

/// What the binary is made of: a change here may make a clean checkout a modified one.
const SOURCES: [&str; 8] =
    ["build.rs", "Cargo.toml", "src", "protocol", "shards", "storage", "tuning/knobs.toml", "web/dist"];

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let package = env!("CARGO_PKG_VERSION");
    let version = commit().map_or_else(|| package.to_string(), |commit| format!("{package} ({commit})"));
    println!("cargo::rustc-env=VERSION_WITH_COMMIT={version}");
}

fn commit() -> Option<String> {
    // A packed source tree inside somebody else's checkout must not take that one's commit. The folder is asked for when this runs, because
    // checkouts that share a target folder share this program.
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")?;
    if Path::new(&root).canonicalize().ok()? != Path::new(&folder).canonicalize().ok()? {
        return None;
    }
    for file in ["HEAD", "logs/HEAD"] {
        // The log grows with every commit; a file that is not there would make every build start anew.
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&[&["status", "--porcelain", "--untracked-files=no", "--"], &SOURCES[..]].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}, modified") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
