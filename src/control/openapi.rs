//! The description of everything that can be asked over HTTP (OpenAPI 3.1), for people and their tools. Needs no token.
