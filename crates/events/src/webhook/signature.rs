//! How a receiver knows that a request is ours, and of now.
use std::fmt::{self, Write};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret that the receiver shares.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Any text but an empty one.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty()).map(Self)
    }

    /// The value of `X-Vultus-Signature` for `body` sent at `time` (Unix seconds): `t=TIME,v1=HEX` with the HMAC-SHA256 of
    /// `TIME.body`.
    pub(super) fn sign(&self, time: i64, body: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else { return String::new() };
        mac.update(format!("{time}.{body}").as_bytes());
        let mut signature = format!("t={time},v1=");
        for byte in mac.finalize().into_bytes() {
            // Writing to a text cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        signature
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        // printf '%s' '1736400000.{"name":"katya"}' | openssl dgst -sha256 -hmac s3cret
        let expected = "t=1736400000,v1=7de7a9b2f06b3ffd5a65a2a1cec5e6ff25a8090047c7e1137229c4d069b9332f";
        let secret = Secret::new("s3cret").unwrap();
        assert_eq!(secret.sign(1_736_400_000, r#"{"name":"katya"}"#), expected);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(Secret::new(""), None);
    }
}
