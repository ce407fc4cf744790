//! Lint rules for Dockerfiles.
