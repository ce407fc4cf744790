//! The checks of `docker build --check`, by BuildKit's names.

mod from_as_casing;
mod json_args_recommended;
mod multiple_instructions_disallowed;
mod stage_name_casing;

use crate::Rule;

pub(super) static RULES: &[&Rule] = &[
    &from_as_casing::RULE,
    &json_args_recommended::RULE,
    &multiple_instructions_disallowed::RULE,
    &stage_name_casing::RULE,
];
