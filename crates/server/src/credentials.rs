//! What proves a password: made of it once, compared with it at every login.
//!
//! An account gets two credentials. The argon2id hash is what logins are checked with. The
//! SCRAM-SHA-256 verifier (RFC 5802, RFC 7677) lets a door that has SASL take a password that never
//! crosses the wire; it can't be made later, because the password is not kept.
//!
//! Deliberately not here: randomness (salts are arguments), and who may log in.

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use hubbub_protocol::Password;
use hubbub_protocol::account::{Credential, CredentialKind, Credentials};
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Memory of one argon2id hash in KiB, passes over it, and threads: OWASP's password storage cheat
/// sheet. Each worker that checks passwords holds that much while it does.
const ARGON2: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Bytes of an argon2id hash.
const ARGON2_BYTES: usize = 32;
/// Rounds of PBKDF2 in a SCRAM verifier. RFC 7677 wants 4,096 at least, but whoever steals the store
/// guesses against the weaker of an account's two credentials: 600,000 is what OWASP sets equal to the
/// argon2id parameters above. The server pays it (70 ms) only when a password is made, a client with
/// SCRAM at every login. A debug build is over thirty times slower at it, and its tests make many
/// accounts; the number stands in each verifier, so both kinds of build understand both.
const SCRAM_ROUNDS: u32 = if cfg!(debug_assertions) { 4_096 } else { 600_000 };

/// The random bytes that credentials are made with, fresh for each password.
#[derive(Debug)]
pub(crate) struct Salts {
    pub(crate) argon2: [u8; 16],
    pub(crate) scram: [u8; 16],
}

/// Works on passwords, one after the other, in memory that it takes once: 19 MiB anew for each of a
/// thousand logins would leave the process with many times that.
#[derive(Default)]
pub(crate) struct Hasher {
    blocks: Vec<Block>,
}

impl Hasher {
    /// Makes the credentials of a password. Takes a tenth of a second.
    pub(crate) fn make(&mut self, password: &Password, salts: &Salts) -> Credentials {
        let password = prepared(password);
        let keys = ScramKeys::of(password.as_bytes(), &salts.scram, SCRAM_ROUNDS);
        let argon2 = self.argon2_hash(password.as_bytes(), &salts.argon2);
        let scram = keys.verifier(&salts.scram, SCRAM_ROUNDS);
        [
            Credential { kind: CredentialKind::Argon2id, data: argon2 },
            Credential { kind: CredentialKind::ScramSha256, data: scram },
        ]
        .into()
    }

    /// Whether this is the password. The comparison takes the same time wherever they differ.
    pub(crate) fn check(&mut self, credentials: &[Credential], password: &Password) -> bool {
        let is_argon2 = |credential: &&Credential| credential.kind == CredentialKind::Argon2id;
        let Some(credential) = credentials.iter().find(is_argon2) else {
            tracing::warn!("an account has no argon2id hash: nobody can log in to it");
            return false;
        };
        match self.is_hash_of(&credential.data, prepared(password).as_bytes()) {
            Ok(is_right) => is_right,
            Err(error) => {
                tracing::warn!(%error, "the argon2id hash of an account is damaged");
                false
            }
        }
    }

    /// The parameters are those of the hash, so older hashes stay good when ours change.
    fn is_hash_of(
        &mut self,
        hash: &str,
        password: &[u8],
    ) -> Result<bool, argon2::password_hash::Error> {
        use argon2::password_hash::Error;
        let hash = PasswordHash::new(hash)?;
        let algorithm = Algorithm::try_from(hash.algorithm)?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from)?;
        let params = Params::try_from(&hash)?;
        let (Some(salt), Some(wanted)) = (hash.salt, hash.hash) else {
            return Err(Error::PhcStringField);
        };
        let mut bytes = [0; 64];
        let salt = salt.decode_b64(&mut bytes)?;
        let mut made = [0; Output::MAX_LENGTH];
        let made = &mut made[..wanted.len()];
        self.argon2(&Argon2::new(algorithm, version, params), password, salt, made)?;
        // Compared in the same time wherever they differ.
        Ok(Output::new(made)? == wanted)
    }

    fn argon2_hash(&mut self, password: &[u8], salt: &[u8; 16]) -> String {
        let (memory, passes, threads) = ARGON2;
        let params = Params::new(memory, passes, threads, Some(ARGON2_BYTES));
        let params = params.expect("the parameters are in argon2's bounds");
        let shown = ParamsString::try_from(&params).expect("they can be written");
        let encoded = SaltString::encode_b64(salt).expect("16 bytes are a salt");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut made = [0; ARGON2_BYTES];
        self.argon2(&argon2, password, salt, &mut made)
            .expect("a password of any bytes has a hash");
        PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: shown,
            salt: Some(encoded.as_salt()),
            hash: Some(Output::new(&made).expect("32 bytes are an output")),
        }
        .to_string()
    }

    fn argon2(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        into: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let needed = argon2.params().block_count();
        if self.blocks.len() < needed {
            self.blocks.resize(needed, Block::default());
        }
        // What an earlier password left there is overwritten in the first pass.
        let blocks = &mut self.blocks[..needed];
        argon2.hash_password_into_with_memory(password, salt, into, blocks)
    }
}

/// Stands for all accounts that don't exist: a check takes as long as with one that does.
#[derive(Debug)]
pub(crate) struct Nobody {
    credentials: [Credential; 1],
}

impl Nobody {
    /// Of random bytes that nobody knows.
    pub(crate) fn new(hasher: &mut Hasher, salts: &Salts) -> Self {
        let data = hasher.argon2_hash(&salts.scram, &salts.argon2);
        Self { credentials: [Credential { kind: CredentialKind::Argon2id, data }] }
    }

    /// Does the work of [`Hasher::check`]. Never right.
    pub(crate) fn check(&self, hasher: &mut Hasher, password: &Password) -> bool {
        let _ = std::hint::black_box(hasher.check(&self.credentials, password));
        false
    }
}

/// The password in the one form that counts, however it was typed: SASLprep (RFC 4013), as SCRAM
/// wants it. So `é` is the same from a keyboard that sends it as one character or as two.
///
/// SASLprep knows Unicode 3.2 and refuses what came later, such as most emoji, and mixed writing
/// directions. A password may have them here all the same: it is then used as it is, in NFC, which
/// is what SASLprep's successor does (RFC 8265, `OpaqueString`). The same holds where SASLprep would
/// leave nothing over, because the empty password would then be right.
fn prepared(password: &Password) -> Zeroizing<String> {
    let given = password.expose();
    Zeroizing::new(match stringprep::saslprep(given) {
        Ok(prepared) if !prepared.is_empty() => prepared.into_owned(),
        _ => given.nfc().collect(),
    })
}

/// What SCRAM derives from a password (RFC 5802, section 3), as far as a server keeps it.
struct ScramKeys {
    stored: [u8; 32],
    server: [u8; 32],
}

impl ScramKeys {
    fn of(password: &[u8], salt: &[u8], rounds: u32) -> Self {
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, salted.as_mut());
        let client = Zeroizing::new(hmac(salted.as_ref(), b"Client Key"));
        let stored = Sha256::digest(client.as_ref()).into();
        Self { stored, server: hmac(salted.as_ref(), b"Server Key") }
    }

    /// As RFC 5803 writes it.
    fn verifier(&self, salt: &[u8], rounds: u32) -> String {
        let [salt, stored, server] =
            [salt, &self.stored, &self.server].map(|bytes| BASE64.encode(bytes));
        format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTS: Salts = Salts { argon2: [7; 16], scram: [9; 16] };

    fn password(text: &str) -> Password {
        Password::given(text).unwrap()
    }

    fn make(password: &Password, salts: &Salts) -> Credentials {
        Hasher::default().make(password, salts)
    }

    fn check(credentials: &[Credential], password: &Password) -> bool {
        Hasher::default().check(credentials, password)
    }

    fn form(text: &str) -> String {
        prepared(&password(text)).to_string()
    }

    #[test]
    fn a_password_is_right_and_others_are_wrong() {
        let credentials = make(&password("correct horse"), &SALTS);
        assert!(check(&credentials, &password("correct horse")));
        for wrong in ["correct horsf", "correct hors", "correct horse ", ""] {
            assert!(!check(&credentials, &password(wrong)), "{wrong:?}");
        }
        let [argon2, scram] = &*credentials else { panic!("{credentials:?}") };
        assert_eq!(argon2.kind, CredentialKind::Argon2id);
        let begin = "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$";
        assert!(argon2.data.starts_with(begin), "{}", argon2.data);
        assert_eq!(scram.kind, CredentialKind::ScramSha256);
        let begin = format!("SCRAM-SHA-256${SCRAM_ROUNDS}:CQkJCQkJCQkJCQkJCQkJCQ==$");
        assert!(scram.data.starts_with(&begin), "{}", scram.data);
    }

    #[test]
    fn what_was_worked_on_before_makes_no_difference() {
        let mut hasher = Hasher::default();
        let (one, two) = (password("correct horse"), password("battery staple"));
        let made = hasher.make(&one, &SALTS);
        hasher.make(&two, &SALTS);
        assert_eq!(hasher.make(&one, &SALTS), made);
        assert!(hasher.check(&made, &one) && !hasher.check(&made, &two));
        // One with other parameters, made by the library as it is usually used.
        let other = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(1024, 3, 2, None).unwrap(),
        );
        let salt = SaltString::encode_b64(&[3; 16]).unwrap();
        let data =
            argon2::password_hash::PasswordHasher::hash_password(&other, b"battery staple", &salt);
        let data = data.unwrap().to_string();
        let credentials = [Credential { kind: CredentialKind::Argon2id, data }];
        assert!(hasher.check(&credentials, &two) && !hasher.check(&credentials, &one));
    }

    #[test]
    fn what_is_no_hash_proves_nothing() {
        let [argon2, scram] = [CredentialKind::Argon2id, CredentialKind::ScramSha256]
            .map(|kind| Credential { kind, data: "$argon2id$v=19$m=1$x".into() });
        for credentials in [vec![], vec![scram], vec![argon2]] {
            assert!(!check(&credentials, &password("x")), "{credentials:?}");
        }
    }

    #[test]
    fn nobody_is_never_right_and_has_the_parameters_of_everybody() {
        let mut hasher = Hasher::default();
        let nobody = Nobody::new(&mut hasher, &SALTS);
        assert!(!nobody.check(&mut hasher, &password("correct horse")));
        let salts = Salts { argon2: [b'x'; 16], scram: [b'y'; 16] };
        assert!(
            !Nobody::new(&mut hasher, &salts).check(&mut hasher, &password(&"y".repeat(16))),
            "not even this"
        );
        let parameters = |data: &str| data.split('$').nth(3).map(str::to_owned);
        let somebody = make(&password("x"), &SALTS);
        assert_eq!(parameters(&nobody.credentials[0].data), parameters(&somebody[0].data));
    }

    /// RFC 7677, section 3: the proof that the client sends, and the server's signature.
    #[test]
    fn scram_keys_are_those_of_the_rfc() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::of(b"pencil", &salt, 4096);
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let exchange = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,\
             r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
        );
        let signature = hmac(&keys.server, exchange.as_bytes());
        assert_eq!(BASE64.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        // As a server checks it: the client's key is the proof without the client's signature.
        let proof = BASE64.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let mask = hmac(&keys.stored, exchange.as_bytes());
        let client: Vec<u8> = proof.iter().zip(mask).map(|(proof, mask)| proof ^ mask).collect();
        assert_eq!(<[u8; 32]>::from(Sha256::digest(client)), keys.stored);
        let written = keys.verifier(&salt, 4096);
        assert_eq!(
            written,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn equal_passwords_are_equal_however_they_were_typed() {
        // RFC 4013, section 3, and composed against decomposed letters.
        for (one, other) in [
            ("I\u{ad}X", "IX"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("pässwört", "pa\u{308}sswo\u{308}rt"),
            ("a\u{a0}b", "a b"),
        ] {
            assert_eq!(form(one), form(other), "{one:?} {other:?}");
        }
        assert_ne!(form("user"), form("USER"));
        let credentials = make(&password("schöne Grüße"), &SALTS);
        assert!(check(&credentials, &password("scho\u{308}ne Gru\u{308}ße")));
        assert!(!check(&credentials, &password("schone Gruße")));
    }

    #[test]
    fn what_saslprep_refuses_is_used_as_it_is() {
        // Newer than Unicode 3.2; mixed directions (RFC 4013: prohibited); a control character.
        for text in ["🦀🦀🦀", "\u{627}1", "a\u{7}b"] {
            assert!(stringprep::saslprep(text).is_err(), "{text:?}");
            assert_eq!(form(text), text);
        }
        assert_eq!(form("e\u{301}🦀"), "é🦀");
        // Soft hyphens alone would become the empty password.
        assert_eq!(form("\u{ad}\u{ad}"), "\u{ad}\u{ad}");
        assert_eq!(form(""), "");
    }
}
