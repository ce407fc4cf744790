//! What the tests share: where fixtures are, how the binary is called.
