use crate::image::image_name;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW3006",
    name: "end-of-life-base",
    aliases: &["eol-base-image", "DD077"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw3006_end_of_life_base.md"),
    check,
};

/// Image, and the starts of tags whose support has ended by August 2026.
const ENDED: [(&str, &[&str]); 15] = [
    ("debian", &["wheezy", "7", "jessie", "8", "stretch", "9", "buster", "10"]),
    (
        "ubuntu",
        &[
            "10", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "23", "22.10",
            "24.10", "25.04", "precise", "trusty", "vivid", "wily", "xenial", "yakkety", "zesty",
            "artful", "bionic", "cosmic", "disco", "eoan", "focal", "groovy", "hirsute", "impish",
            "kinetic", "lunar", "mantic", "oracular", "plucky",
        ],
    ),
    ("centos", &["5", "6", "7", "8", "centos5", "centos6", "centos7", "centos8"]),
    (
        "fedora",
        &[
            "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33",
            "34", "35", "36", "37", "38", "39", "40", "41", "42",
        ],
    ),
    (
        "alpine",
        &[
            "2", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11",
            "3.12", "3.13", "3.14", "3.15", "3.16", "3.17", "3.18", "3.19", "3.20",
        ],
    ),
    ("amazonlinux", &["1", "2", "2016", "2017", "2018"]),
    (
        "node",
        &[
            "0", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
            "18", "19", "20", "21", "23",
        ],
    ),
    ("python", &["2", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"]),
    ("php", &["5", "7", "8.0", "8.1"]),
    ("ruby", &["1", "2", "3.0", "3.1", "3.2"]),
    (
        "golang",
        &[
            "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "1.10", "1.11", "1.12", "1.13",
            "1.14", "1.15", "1.16", "1.17", "1.18", "1.19", "1.20", "1.21", "1.22", "1.23", "1.24",
        ],
    ),
    ("postgres", &["8", "9", "10", "11", "12", "13"]),
    ("mysql", &["5", "8.0"]),
    ("mongo", &["2", "3", "4", "5", "6"]),
    ("openjdk", &["6", "7", "9", "10", "12", "13", "14", "15", "16"]),
];

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(image) = linter.expand_from(&from.image) else { continue };
        let name = image_name(&image);
        let short = name.name.strip_prefix("library/").unwrap_or(name.name);
        let is_official = matches!(name.registry, None | Some("docker.io"));
        let Some(tag) = name.tag.filter(|_| is_official) else { continue };
        let version = tag.split('-').next().unwrap_or(tag);
        let ended = ENDED.iter().find(|(image, _)| *image == short);
        let is_ended = ended.is_some_and(|(_, starts)| {
            starts.iter().any(|start| {
                version
                    .strip_prefix(start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        });
        if is_ended {
            linter
                .report(step, from.image.span(), format!("`{short}:{tag}` gets no more updates"))
                .help("take a version that is supported");
        }
    }
}
