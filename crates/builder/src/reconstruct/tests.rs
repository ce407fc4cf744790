use super::*;
use crate::config::Healthcheck;
use crate::history::HistoryEntry;
use crate::{DiffId, Digest};

fn image(config: ContainerConfig, history: &[&str]) -> Image {
    let has_layer = |text: &&&str| {
        let words = ["RUN", "COPY", "ADD", "/bin/sh -c touch", "|1"];
        words.iter().any(|word| text.starts_with(word)) || text.contains("#(nop) COPY")
    };
    let n_layers = history.iter().filter(has_layer).count();
    let layers: Vec<_> = (0..n_layers).map(|n| DiffId(Digest::of(&[n as u8]))).collect();
    let entries = history.iter().map(|text| HistoryEntry {
        created_by: Some((*text).to_owned()),
        empty_layer: !has_layer(&text),
        ..HistoryEntry::default()
    });
    let config = ImageConfig {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        config,
        history: entries.collect(),
        ..ImageConfig::default()
    };
    Image { manifest: Digest::of(b"m"), config_digest: Digest::of(b"c"), config, layers }
}

#[test]
fn what_buildkit_records_is_read_back() {
    let config = ContainerConfig {
        env: vec!["PATH=/bin".to_owned(), "A=x y".to_owned(), "B=$1".to_owned()],
        cmd: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), "echo \"hi\"".to_owned()]),
        entrypoint: Some(vec!["/init".to_owned(), "a b".to_owned()]),
        working_dir: "/srv".to_owned(),
        labels: [("a b".to_owned(), "1".to_owned())].into(),
        volumes: [("/data".to_owned(), serde_json::json!({}))].into(),
        exposed_ports: [("80/tcp".to_owned(), serde_json::json!({}))].into(),
        args_escaped: true,
        healthcheck: Some(Healthcheck {
            test: vec!["CMD-SHELL".to_owned(), "true".to_owned()],
            interval_ns: 1_500_000_000,
            retries: 3,
            ..Healthcheck::default()
        }),
        ..ContainerConfig::default()
    };
    let image = image(
        config,
        &[
            "ENV PATH=/bin",
            "ENV A=x y B=$1",
            "ARG V=1 2",
            "LABEL a b=1",
            "WORKDIR /srv",
            "RUN |1 V=1 2 /bin/sh -c apk add curl # buildkit",
            "RUN /bin/sh -c set -e\necho EOF\nEOF\n # buildkit",
            "RUN /bin/true -x # buildkit",
            "COPY --chmod=644 a b /dst/ # buildkit",
            "EXPOSE [80/tcp]",
            "VOLUME [/data]",
            "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1.5s Timeout:0s StartPeriod:0s}",
            "ENTRYPOINT [\"/init\" \"a b\"]",
            "CMD [\"/bin/sh\" \"-c\" \"echo \\\"hi\\\"\"]",
        ],
    );
    let made = reconstruct(&image, None);
    insta::assert_snapshot!(made.dockerfile);
    assert!(dockerfile_parser::parse(&made.dockerfile).errors.is_empty());
}

#[test]
fn older_builders_are_read_too() {
    let config = ContainerConfig {
        env: vec!["PATH=/bin".to_owned()],
        cmd: Some(vec!["sh".to_owned()]),
        on_build: vec!["RUN make".to_owned()],
        ..ContainerConfig::default()
    };
    let image = image(
        config,
        &[
            "/bin/sh -c #(nop) COPY file:0123 in /etc/x ",
            "/bin/sh -c #(nop)  ENV PATH=/bin",
            "|1 V=1 /bin/sh -c touch /y",
            "/bin/sh -c touch /x",
            "/bin/sh -c #(nop)  CMD [\"sh\"]",
            "bazel build //:image",
        ],
    );
    let made = reconstruct(&image, None);
    insta::assert_snapshot!(made.dockerfile);
    assert!(dockerfile_parser::parse(&made.dockerfile).errors.is_empty());
}

#[test]
fn a_wrong_configuration_is_told() {
    let config = ContainerConfig { user: "app".to_owned(), ..ContainerConfig::default() };
    let made = reconstruct(&image(config, &["RUN /bin/sh -c id # buildkit"]), None);
    let told = made.notes.iter().any(|note| note.contains("`User` is \"app\""));
    assert!(told, "{}", made.dockerfile);
}
