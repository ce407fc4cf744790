//! The command line of dockwright.

fn main() {}
