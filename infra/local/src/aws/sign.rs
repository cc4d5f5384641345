//! Signature Version 4, as the emulators check it when enforcement is on.

use super::AccessKey;
use sha2::{Digest, Sha256};

/// Stands for the hash of bodies that are not hashed: S3 takes it, and function packages are large.
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

const BLOCK: usize = 64;

pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) struct Signing<'a> {
    pub(super) key: &'a AccessKey,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) host: &'a str,
    pub(super) payload: &'a str,
    pub(super) at: jiff::Timestamp,
}

impl Signing<'_> {
    /// The headers to add. Only these and the host are signed.
    pub(super) fn headers(&self) -> [(&'static str, String); 3] {
        let time = self.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = self.at.strftime("%Y%m%d").to_string();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let names = "host;x-amz-content-sha256;x-amz-date";
        let mut query: Vec<&str> = self.query.split('&').filter(|part| !part.is_empty()).collect();
        query.sort_unstable();
        let canonical = format!(
            "{}\n{}\n{}\nhost:{}\nx-amz-content-sha256:{}\nx-amz-date:{time}\n\n{names}\n{}",
            self.method,
            self.path,
            query.join("&"),
            self.host,
            self.payload,
            self.payload
        );
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
        let mut key = mac(format!("AWS4{}", self.key.secret).as_bytes(), date.as_bytes());
        for part in [self.region, self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex::encode(mac(&key, text.as_bytes()));
        let id = &self.key.id;
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        [
            ("authorization", credential),
            ("x-amz-date", time),
            ("x-amz-content-sha256", self.payload.to_owned()),
        ]
    }
}

/// HMAC-SHA256 (RFC 2104).
fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(BLOCK, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn mac_is_hmac_sha256() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(mac(b"Jefe", b"what do ya want for nothing?")), expected);
    }
}
