//! Documents over HTTP, with the built binary: what each path does, who may, and what comes of what nobody should send.

#[path = "documents/archives.rs"]
mod archives;
#[path = "server/client.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod client;
#[path = "documents/conditions.rs"]
mod conditions;
#[path = "view/hostile.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod corpus;
#[path = "documents/description.rs"]
mod description;
#[path = "documents/edits.rs"]
mod edits;
#[path = "auth/forge.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod forge;
#[path = "documents/hostile.rs"]
mod hostile;
#[path = "documents/names.rs"]
mod names;
#[path = "documents/plane.rs"]
mod plane;
#[path = "server/process.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod process;
#[path = "documents/rights.rs"]
mod rights;
#[path = "documents/sessions.rs"]
mod sessions;

#[path = "documents/versions.rs"]
mod versions;

use plane::Plane;
use process::{Folder, Server};

/// A server that asks nobody who they are.
struct Fixture {
    plane: Plane,
    server: Server,
    folder: Folder,
}

impl Fixture {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(Folder::new(), arguments)
    }

    fn start_in(folder: Folder, arguments: &[&str]) -> Self {
        let server = Server::start("uring", &folder, arguments);
        let plane = Plane::new(server.control);
        Self { plane, server, folder }
    }
}

/// A letter at the start of the text `t`, by this client, as Yjs writes it.
fn letter(client: u8, letter: u8) -> Vec<u8> {
    vec![1, 1, client, 0, 4, 1, 1, b't', 1, letter, 0]
}
