//! DISK: op log and snapshots. Knows nothing of CRDTs, sockets or threads of others.
#![forbid(unsafe_code)]
