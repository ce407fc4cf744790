//! COPY upon a base whose layers are not here any more.

use dockwright_tests::Sandbox;

use super::proxy::Proxy;
use super::server::{Options, Server};
use super::{id, ok, quick};

/// Instructions upon a base of an earlier build, and whether its layers must be fetched to know what
/// a changed file gives.
const CASES: &[(&str, &str, bool)] = &[
    ("a file in a directory", "COPY code/a /srv/a", false),
    ("into a directory", "COPY code/a /srv/", false),
    ("into new ones", "COPY code/a /srv/deep/er/", false),
    ("with a mode and an owner", "COPY --chmod=600 --chown=5:6 code/a /srv/a", false),
    ("a directory over one that is there", "COPY code /srv/sub", false),
    ("behind what another step made", "WORKDIR /work\nCOPY code/a .\nCOPY code/a b", false),
    ("behind what another step removed", "RUN rm -r /srv\nCOPY code/a /srv/a", false),
    ("through a link", "COPY code/a /link/a", true),
    ("in place of a file", "COPY code/a /small", true),
    ("with an owner by name", "COPY --chown=root code/a /srv/a", true),
];

/// An image with directories that a COPY must show as they are.
fn base(server: &Server) {
    let sandbox = Sandbox::with_base();
    sandbox.build_text(
        "base",
        "FROM centos\nRUN mkdir -p /srv/sub && chmod 750 /srv && chown 7:8 /srv/sub && \
         ln -s srv /link && echo small > /small && echo old > /srv/sub/old\n\
         RUN chmod 701 /srv/sub && touch /srv/sub/a.old && rm /srv/sub/old\n",
    );
    ok(quick(&sandbox, &["push", "base", &server.image("base:1")]));
}

#[test]
fn a_base_that_was_looked_into_is_not_fetched_again() {
    let server = Server::new(Options::default());
    base(&server);
    for (n, (what, instructions, is_fetched)) in CASES.iter().enumerate() {
        let proxy = Proxy::new(&server.address, |_, _| None);
        let sandbox = Sandbox::new();
        let dockerfile = format!("FROM {}\n{instructions}\n", proxy.image("base:1"));
        let build = |sandbox: &Sandbox, code: &str, name: &str| {
            sandbox.write("top/code/a", code);
            sandbox.write("top/code/inner/b", "b\n");
            sandbox.write("top/Dockerfile", &dockerfile);
            ok(quick(sandbox, &["build", "--push", "-t", name, "top"]))
        };
        let name = proxy.image(&format!("top-{n}:1"));
        build(&sandbox, "one\n", &name);
        let n_first = proxy.count("GET", "/blobs/sha256");
        assert!(n_first > 1, "{what}: {n_first}");
        // All but what the steps themselves have made goes.
        for name in [name.as_str(), &proxy.image("base:1")] {
            sandbox.succeed(["rmi", name]);
        }
        sandbox.succeed(["cache", "prune"]);
        build(&sandbox, "two\n", &name);
        let n_layers = proxy.count("GET", "/blobs/sha256") - n_first;
        assert_eq!(n_layers > 1, *is_fetched, "{what}: {n_layers} blobs");
        // As if all had been here.
        let fresh = Sandbox::new();
        build(&fresh, "two\n", &proxy.image(&format!("fresh-{n}:1")));
        let other = proxy.image(&format!("fresh-{n}:1"));
        assert_eq!(id(&sandbox, &name), id(&fresh, &other), "{what}");
    }
}
