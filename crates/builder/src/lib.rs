//! A daemonless Dockerfile builder.
