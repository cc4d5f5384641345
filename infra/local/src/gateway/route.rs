//! Who calls which service in which Region, from the signature's scope; and which emulator serves
//! it.

use hyper::HeaderMap;

/// What a signature says: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: String,
}

/// Which emulator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    /// EC2.
    Moto,
    /// All else, and all that is not signed.
    Ministack,
}

impl Scope {
    /// From the Authorization header, or from the query of a presigned URL.
    pub(super) fn read(headers: &HeaderMap, query: &str) -> Option<Self> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let credential = header
            .and_then(|text| text.split_once("Credential="))
            .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default().to_owned())
            .or_else(|| {
                form_urlencoded::parse(query.as_bytes())
                    .find(|(name, _)| name == "X-Amz-Credential")
                    .map(|(_, value)| value.into_owned())
            })?;
        let mut parts = credential.split('/');
        let (access_key, _date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        (parts.next() == Some("aws4_request")).then(|| Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

/// The emulator for a request.
pub(super) fn upstream(scope: Option<&Scope>) -> Upstream {
    match scope.map(|scope| scope.service.as_str()) {
        Some("ec2") => Upstream::Moto,
        _ => Upstream::Ministack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(credential: &str) -> HeaderMap {
        let value =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
        HeaderMap::from_iter([(hyper::header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn the_scope_of_a_header() {
        let scope = Scope::read(&signed("AKID/20260102/eu-west-1/ec2/aws4_request"), "").unwrap();
        assert_eq!((scope.access_key.as_str(), scope.region.as_str()), ("AKID", "eu-west-1"));
        assert_eq!(upstream(Some(&scope)), Upstream::Moto);
    }

    #[test]
    fn the_scope_of_a_presigned_url() {
        let query =
            "X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Expires=60";
        let scope = Scope::read(&HeaderMap::new(), query).unwrap();
        assert_eq!(scope.service, "s3");
        assert_eq!(upstream(Some(&scope)), Upstream::Ministack);
    }

    #[test]
    fn what_is_not_signed_goes_to_ministack() {
        for headers in
            [HeaderMap::new(), signed("AKID"), signed("AKID/20260102/eu-west-1/ec2/else")]
        {
            assert_eq!(Scope::read(&headers, ""), None);
        }
        assert_eq!(upstream(None), Upstream::Ministack);
    }
}
