//! The files of keys and certificates: reading them, and saying what is wrong with them. Putting them
//! in their place is in `platform.rs`.

use crate::config::StartError;
use crate::platform;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The longest file that is read, in bytes: some hundred certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of base64 in one line (RFC 7468, section 2).
const LINE_BYTES: usize = 64;

/// What is wrong with a file, and the way out.
pub(super) fn problem(file: &Path, problem: impl Into<String>) -> StartError {
    StartError::Certificate { file: file.to_owned(), problem: problem.into() }
}

/// A certificate of this server's own that can't be made, and the way out: it is all from this computer's
/// names, its addresses and the key.
pub(super) fn not_made(file: &str, error: &dyn std::fmt::Display) -> StartError {
    let text = format!(
        "it can't be made: {error}. Look whether this computer has an odd name, or the settings an odd one for it; if neither, please report this"
    );
    problem(Path::new(file), text)
}

/// Reads a whole file, overwriting the bytes in memory when they are dropped. `None`: there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StartError> {
    match open(path).and_then(|file| read_all(&file)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Reads a file of our own that nobody else may read. If others could, it is so no longer.
pub(super) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StartError> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let shown = path.display();
    match platform::make_private(&file) {
        Ok(false) => {}
        Ok(true) => tracing::warn!(
            file = %shown,
            "others on this computer could read a key of this server; now they can't. If one of them may have done so, remove the folder tls: every client then asks its user about a new key"
        ),
        Err(error) => tracing::warn!(
            file = %shown, %error,
            "others on this computer can read a key of this server. Make it so that only its owner can (chmod 600)"
        ),
    }
    read_all(&file).map(Some).map_err(|error| unreadable(path, &error))
}

/// Opens a file, and nothing that would make us wait for somebody who writes.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    File::open(path)
}

pub(super) fn read_all(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = file.metadata()?.len();
    if length > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
    }
    // With room for all of it from the beginning: growing would leave copies of a key behind.
    let room = usize::try_from(length).map_or(0, |length| length + 64);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What to say of a file that the system doesn't give us.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> StartError {
    let text = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => format!(
            "{} can't read it ({error}). Give that user access to the file, and to the folders above it",
            platform::user()
        ),
        _ => format!("it can't be read ({error})"),
    };
    problem(path, text)
}

/// All certificates in these bytes of PEM. Empty if one of them is broken: half a chain helps nobody.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap_or_default()
}

/// The first private key in these bytes of PEM.
pub(super) fn private_key(pem: &[u8]) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    PrivateKeyDer::from_pem_slice(pem).ok().map(Zeroizing::new)
}

/// Whether there is a key that can't be used without a passphrase.
pub(super) fn has_encrypted_key(pem: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
    marks.iter().any(|mark| pem.windows(mark.len()).any(|part| part == *mark))
}

/// A key as PEM (RFC 7468, section 10), in one buffer that is overwritten when it is dropped.
pub(super) fn key_to_pem(pkcs8: &[u8]) -> Zeroizing<String> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let mut base64 = Zeroizing::new(String::with_capacity(pkcs8.len() * 2 + 4));
    engine.encode_string(pkcs8, &mut base64);
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() * 2 + 128));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_BYTES));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
