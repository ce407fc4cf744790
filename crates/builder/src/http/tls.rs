//! Which certificates a host is trusted by, and which are shown to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::{Settings, url};
use crate::error::Context;
use crate::{Error, Result};

/// Returns the settings of TLS for `host`, which is written with its port if that is not 443.
pub(super) fn config(settings: &Settings, host: &str) -> Result<TlsConfig> {
    let is_unverified = settings.unverified_hosts.iter().any(|unverified| {
        [host, url::host_name(host), super::EVERY_HOST].contains(&unverified.as_str())
    });
    let mut roots = Vec::new();
    if let Some(file) = settings.root_files.iter().find(|file| file.is_file()) {
        roots.extend(certificates(file)?);
    }
    let mut client = None;
    let own = settings.certificate_directories.iter().map(|directory| directory.join(host));
    for directory in settings.certificates.iter().cloned().chain(own) {
        for file in files(&directory)? {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => roots.extend(certificates(&file)?),
                Some("cert") if client.is_none() => client = Some(client_certificate(&file)?),
                _ => {}
            }
        }
    }
    let roots = match roots.is_empty() {
        true => RootCerts::WebPki,
        false => RootCerts::Specific(Arc::new(roots)),
    };
    Ok(TlsConfig::builder()
        .root_certs(roots)
        .client_cert(client)
        .disable_verification(is_unverified)
        .build())
}

/// Returns the files of a directory in order; none if there is no such directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = || format!("read `{}`", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(doing)?,
    };
    let files = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>().doing(doing)?;
    files.sort();
    Ok(files)
}

/// Reads the certificates of a PEM file.
fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let wrong = |cause: String| {
        Error::system(format!("cannot read certificates in `{}`", file.display()), cause)
            .with_help("it must hold certificates in PEM")
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is none".to_owned()));
    }
    Ok(certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

/// Reads a client's certificate and the key beside it, and makes sure that they belong together.
fn client_certificate(file: &Path) -> Result<ClientCert> {
    let chain = certificates(file)?;
    let key_file = file.with_extension("key");
    let wrong = |cause: String| {
        Error::system(format!("cannot use the key `{}`", key_file.display()), cause)
            .with_help(format!("it must be the key of `{}` in PEM", file.display()))
    };
    let bytes = std::fs::read(&key_file).map_err(|error| wrong(error.to_string()))?;
    let der = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let signer = rustls::crypto::ring::sign::any_supported_type(&der)
        .map_err(|error| wrong(error.to_string()))?;
    let ders = chain.iter().map(|certificate| CertificateDer::from(certificate.der()).into_owned());
    rustls::sign::CertifiedKey::new(ders.collect(), signer)
        .keys_match()
        .map_err(|error| wrong(error.to_string()))?;
    let key = PrivateKey::from_pem(&bytes).map_err(|_| wrong("it holds no key".to_owned()))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
