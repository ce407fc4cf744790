//! hadolint's rules, by hadolint's codes.

mod dl1001_inline_ignore;
mod dl3000_absolute_workdir;
mod dl3001_useless_command;
mod dl3002_root_user;
mod dl3003_workdir_not_cd;
mod dl3004_no_sudo;
mod dl3006_untagged_base;
mod dl3007_latest_tag;
mod dl3008_pin_apt_get;
mod dl3009_apt_lists;
mod dl3010_add_unpacks;
mod dl3011_invalid_port;
mod dl3012_multiple_healthcheck;
mod dl3013_pin_pip;
mod dl3014_apt_get_yes;
mod dl3015_apt_recommends;
mod dl3016_pin_npm;
mod dl3018_pin_apk;
mod dl3019_apk_no_cache;
mod dl3020_copy_not_add;
mod dl3021_copy_to_directory;
mod dl3022_unknown_copy_from;
mod dl3023_copy_from_itself;
mod dl3024_duplicate_stage_name;
mod dl3025_json_command;
mod dl3026_untrusted_registry;
mod dl3027_no_apt;
mod dl3028_pin_gem;
mod dl3029_constant_platform;
mod dl3030_yum_yes;
mod dl3032_yum_clean;
mod dl3033_pin_yum;
mod dl3034_zypper_yes;
mod dl3035_zypper_dist_upgrade;
mod dl3036_zypper_clean;
mod dl3037_pin_zypper;
mod dl3038_dnf_yes;
mod dl3040_dnf_clean;
mod dl3041_pin_dnf;
mod dl3042_pip_no_cache;
mod dl3043_onbuild_trigger;
mod dl3044_env_self_reference;
mod dl3045_relative_copy;
mod dl3046_useradd_log;
mod dl3047_wget_progress;
mod dl3048_label_key;
mod dl3049_missing_label;
mod dl3050_superfluous_label;
mod dl3051_empty_label;
mod dl3052_label_url;
mod dl3053_label_time;
mod dl3054_label_licence;
mod dl3055_label_hash;
mod dl3056_label_version;
mod dl3057_missing_healthcheck;
mod dl3058_label_mail;
mod dl3059_consecutive_runs;
mod dl3060_yarn_cache;
mod dl3061_before_from;
mod dl3062_pin_go;
mod dl3063_reserved_name;
mod dl3064_secret_variable;
mod dl3065_target_platform;
mod dl3066_named_user;
mod dl3067_copy_everything;
mod dl4000_maintainer;
mod dl4001_wget_and_curl;
mod dl4003_multiple_cmd;
mod dl4004_multiple_entrypoint;
mod dl4005_shell_link;
mod dl4006_pipefail;

use crate::Rule;

pub(super) static RULES: &[&Rule] = &[
    &dl1001_inline_ignore::RULE,
    &dl3000_absolute_workdir::RULE,
    &dl3001_useless_command::RULE,
    &dl3002_root_user::RULE,
    &dl3003_workdir_not_cd::RULE,
    &dl3004_no_sudo::RULE,
    &dl3006_untagged_base::RULE,
    &dl3007_latest_tag::RULE,
    &dl3008_pin_apt_get::RULE,
    &dl3009_apt_lists::RULE,
    &dl3010_add_unpacks::RULE,
    &dl3011_invalid_port::RULE,
    &dl3012_multiple_healthcheck::RULE,
    &dl3013_pin_pip::RULE,
    &dl3014_apt_get_yes::RULE,
    &dl3015_apt_recommends::RULE,
    &dl3016_pin_npm::RULE,
    &dl3018_pin_apk::RULE,
    &dl3019_apk_no_cache::RULE,
    &dl3020_copy_not_add::RULE,
    &dl3021_copy_to_directory::RULE,
    &dl3022_unknown_copy_from::RULE,
    &dl3023_copy_from_itself::RULE,
    &dl3024_duplicate_stage_name::RULE,
    &dl3025_json_command::RULE,
    &dl3026_untrusted_registry::RULE,
    &dl3027_no_apt::RULE,
    &dl3028_pin_gem::RULE,
    &dl3029_constant_platform::RULE,
    &dl3030_yum_yes::RULE,
    &dl3032_yum_clean::RULE,
    &dl3033_pin_yum::RULE,
    &dl3034_zypper_yes::RULE,
    &dl3035_zypper_dist_upgrade::RULE,
    &dl3036_zypper_clean::RULE,
    &dl3037_pin_zypper::RULE,
    &dl3038_dnf_yes::RULE,
    &dl3040_dnf_clean::RULE,
    &dl3041_pin_dnf::RULE,
    &dl3042_pip_no_cache::RULE,
    &dl3043_onbuild_trigger::RULE,
    &dl3044_env_self_reference::RULE,
    &dl3045_relative_copy::RULE,
    &dl3046_useradd_log::RULE,
    &dl3047_wget_progress::RULE,
    &dl3048_label_key::RULE,
    &dl3049_missing_label::RULE,
    &dl3050_superfluous_label::RULE,
    &dl3051_empty_label::RULE,
    &dl3052_label_url::RULE,
    &dl3053_label_time::RULE,
    &dl3054_label_licence::RULE,
    &dl3055_label_hash::RULE,
    &dl3056_label_version::RULE,
    &dl3057_missing_healthcheck::RULE,
    &dl3058_label_mail::RULE,
    &dl3059_consecutive_runs::RULE,
    &dl3060_yarn_cache::RULE,
    &dl3061_before_from::RULE,
    &dl3062_pin_go::RULE,
    &dl3063_reserved_name::RULE,
    &dl3064_secret_variable::RULE,
    &dl3065_target_platform::RULE,
    &dl3066_named_user::RULE,
    &dl3067_copy_everything::RULE,
    &dl4000_maintainer::RULE,
    &dl4001_wget_and_curl::RULE,
    &dl4003_multiple_cmd::RULE,
    &dl4004_multiple_entrypoint::RULE,
    &dl4005_shell_link::RULE,
    &dl4006_pipefail::RULE,
];
