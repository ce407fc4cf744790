//! hadolint's rules, by hadolint's codes.

mod dl3000_absolute_workdir;
mod dl3003_workdir_not_cd;
mod dl3006_untagged_base;
mod dl3007_latest_tag;
mod dl3012_multiple_healthcheck;
mod dl3020_copy_not_add;
mod dl3024_duplicate_stage_name;
mod dl3025_json_command;
mod dl4000_maintainer;
mod dl4003_multiple_cmd;
mod dl4004_multiple_entrypoint;

use crate::Rule;

pub(super) static RULES: &[&Rule] = &[
    &dl3000_absolute_workdir::RULE,
    &dl3003_workdir_not_cd::RULE,
    &dl3006_untagged_base::RULE,
    &dl3007_latest_tag::RULE,
    &dl3012_multiple_healthcheck::RULE,
    &dl3020_copy_not_add::RULE,
    &dl3024_duplicate_stage_name::RULE,
    &dl3025_json_command::RULE,
    &dl4000_maintainer::RULE,
    &dl4003_multiple_cmd::RULE,
    &dl4004_multiple_entrypoint::RULE,
];
