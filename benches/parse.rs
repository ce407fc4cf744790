//! Parser speed.

fn main() {}
