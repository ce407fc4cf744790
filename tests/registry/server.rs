//! A real registry, Debian's `docker-registry`, on a port of its own.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dockwright_tests::{path_text, succeed};

/// A running registry, which ends with this value.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

/// The user whom a registry with a password knows.
pub(crate) const USER: &str = "somebody";
/// The password; its bcrypt digest is a published test vector.
pub(crate) const PASSWORD: &str = "U*U";
const HTPASSWD: &str = "somebody:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";

/// What a registry wants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) tls: bool,
    pub(crate) password: bool,
    /// Whether clients have to show a certificate of its authority.
    pub(crate) client_certificate: bool,
}

/// A name that the certificate of a registry is for too, which no resolver knows.
pub(crate) const HOST: &str = "registry.test";

impl Server {
    pub(crate) fn new(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("dockwright-registry-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let path = |name: &str| path_text(&folder.path().join(name));
        let mut config = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
             delete:\n    enabled: true\nhttp:\n  addr: {address}\n",
            path("data")
        );
        if options.tls {
            certificates(folder.path());
            let (certificate, key) = (path("server.crt"), path("server.key"));
            config += &format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
            if options.client_certificate {
                config += &format!("    clientcas:\n      - {}\n", path("ca.crt"));
            }
        }
        if options.password {
            std::fs::write(folder.path().join("htpasswd"), HTPASSWD).expect("written");
            let passwords = path("htpasswd");
            config += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {passwords}\n");
        }
        std::fs::write(folder.path().join("config.yml"), config).expect("written");
        let child = Command::new("docker-registry")
            .args(["serve", &path("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed (see `x`)");
        let server = Self { folder, child, address };
        for _ in 0..500 {
            if TcpStream::connect(&server.address).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("docker-registry does not listen on {}", server.address);
    }

    /// Returns a reference on it.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// The certificate that it has, with the key: good for clients too.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("server.crt"), self.folder.path().join("server.key"))
    }

    /// The certificate of the authority that vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Makes an authority and a certificate for 127.0.0.1.
pub(crate) fn certificates(folder: &std::path::Path) {
    let openssl = |arguments: &[&str]| {
        succeed(Command::new("openssl").current_dir(folder).args(arguments));
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
        "-subj",
        "/CN=dockwright test authority",
    ]);
    openssl(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        "/CN=registry",
    ]);
    std::fs::write(folder.join("names"), format!("subjectAltName=IP:127.0.0.1,DNS:{HOST}\n"))
        .expect("written");
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-out",
        "server.crt",
        "-days",
        "2",
        "-extfile",
        "names",
    ]);
}
