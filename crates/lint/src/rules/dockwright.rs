//! Rules that neither hadolint nor BuildKit has.

mod dw1001_invalid_json_form;
mod dw1002_blank_before_equals;
mod dw1003_argument_out_of_scope;
mod dw1004_instruction_in_run;
mod dw1005_dangling_continuation;
mod dw1006_invalid_stopsignal;
mod dw1007_ungraceful_stopsignal;
mod dw1008_duplicate_key;
mod dw1009_duplicate_expose;
mod dw1010_unused_stage;
mod dw1011_copy_from_empty;
mod dw1012_shell_in_scratch;
mod dw1013_update_alone;
mod dw1014_entrypoint_drops_cmd;
mod dw1015_named_user_in_scratch;
mod dw1016_late_directive;
mod dw1017_copy_into_volume;
mod dw1018_unknown_user;
mod dw2001_secret_value;
mod dw2002_secret_file_copied;
mod dw2003_url_credentials;
mod dw2004_curl_insecure;
mod dw2005_wget_insecure;
mod dw2006_tls_off_by_variable;
mod dw2007_tls_off_by_option;
mod dw2008_unsigned_packages;
mod dw2009_chpasswd;
mod dw2010_pipe_to_shell;
mod dw2011_clear_text_download;
mod dw2012_admin_port;
mod dw2013_world_writable;
mod dw2014_secret_mount_mode;
mod dw2015_insecure_run;
mod dw2016_host_network_run;
mod dw2017_whole_context;
mod dw2018_no_user;
mod dw2019_base_without_digest;
mod dw2020_docker_socket;
mod dw2021_system_folder;
mod dw2022_debug_in_image;
mod dw3001_upgrade_in_build;
mod dw3002_copy_before_install;
mod dw3003_npm_install_in_image;
mod dw3004_removed_later;
mod dw3005_duplicate_run;
mod dw3006_end_of_life_base;
mod dw3007_curl_without_fail;
mod dw3008_apk_update_for_nothing;
mod dw3009_copy_then_chmod;
mod dw3010_composer_dev;
mod dw3011_early_argument;
mod dw3012_cache_mount;
mod dw4001_missing_copy_source;
mod dw4002_ignored_copy_source;
mod dw4003_windows_entry_point;
mod dw4004_wrong_architecture;
mod dw4005_secret_in_context;
mod dw4006_heavy_context;
mod dw5001_unused_ignore;
mod dw5002_ignore_without_reason;

use crate::{Rule, linter::Linter, suppress::Suppressions};

pub(super) static RULES: &[&Rule] = &[
    &dw1001_invalid_json_form::RULE,
    &dw1002_blank_before_equals::RULE,
    &dw1003_argument_out_of_scope::RULE,
    &dw1004_instruction_in_run::RULE,
    &dw1005_dangling_continuation::RULE,
    &dw1006_invalid_stopsignal::RULE,
    &dw1007_ungraceful_stopsignal::RULE,
    &dw1008_duplicate_key::RULE,
    &dw1009_duplicate_expose::RULE,
    &dw1010_unused_stage::RULE,
    &dw1011_copy_from_empty::RULE,
    &dw1012_shell_in_scratch::RULE,
    &dw1013_update_alone::RULE,
    &dw1014_entrypoint_drops_cmd::RULE,
    &dw1015_named_user_in_scratch::RULE,
    &dw1016_late_directive::RULE,
    &dw1017_copy_into_volume::RULE,
    &dw1018_unknown_user::RULE,
    &dw2001_secret_value::RULE,
    &dw2002_secret_file_copied::RULE,
    &dw2003_url_credentials::RULE,
    &dw2004_curl_insecure::RULE,
    &dw2005_wget_insecure::RULE,
    &dw2006_tls_off_by_variable::RULE,
    &dw2007_tls_off_by_option::RULE,
    &dw2008_unsigned_packages::RULE,
    &dw2009_chpasswd::RULE,
    &dw2010_pipe_to_shell::RULE,
    &dw2011_clear_text_download::RULE,
    &dw2012_admin_port::RULE,
    &dw2013_world_writable::RULE,
    &dw2014_secret_mount_mode::RULE,
    &dw2015_insecure_run::RULE,
    &dw2016_host_network_run::RULE,
    &dw2017_whole_context::RULE,
    &dw2018_no_user::RULE,
    &dw2019_base_without_digest::RULE,
    &dw2020_docker_socket::RULE,
    &dw2021_system_folder::RULE,
    &dw2022_debug_in_image::RULE,
    &dw3001_upgrade_in_build::RULE,
    &dw3002_copy_before_install::RULE,
    &dw3003_npm_install_in_image::RULE,
    &dw3004_removed_later::RULE,
    &dw3005_duplicate_run::RULE,
    &dw3006_end_of_life_base::RULE,
    &dw3007_curl_without_fail::RULE,
    &dw3008_apk_update_for_nothing::RULE,
    &dw3009_copy_then_chmod::RULE,
    &dw3010_composer_dev::RULE,
    &dw3011_early_argument::RULE,
    &dw3012_cache_mount::RULE,
    &dw4001_missing_copy_source::RULE,
    &dw4002_ignored_copy_source::RULE,
    &dw4003_windows_entry_point::RULE,
    &dw4004_wrong_architecture::RULE,
    &dw4005_secret_in_context::RULE,
    &dw4006_heavy_context::RULE,
    &dw5001_unused_ignore::RULE,
    &dw5002_ignore_without_reason::RULE,
];

/// Reports what only the end of a run can tell: the comments that were of no use.
pub(super) fn report_ignores(linter: &mut Linter<'_>, suppressions: &Suppressions<'_>) {
    linter.speak_for(&dw5001_unused_ignore::RULE, |linter| {
        dw5001_unused_ignore::report(linter, suppressions);
    });
    linter.speak_for(&dw5002_ignore_without_reason::RULE, |linter| {
        dw5002_ignore_without_reason::report(linter, suppressions);
    });
}
