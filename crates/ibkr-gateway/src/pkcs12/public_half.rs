//! The public half of an elliptic key, which Java leaves out and ring wants: it stands in the certificate.

use pkcs8::der::{AnyRef, Decode, Encode, Tag, TagNumber, Tagged, asn1::ObjectIdentifier};
use zeroize::Zeroizing;

use super::{Refusal, exactly, parts};

const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PUBLIC_HALF: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(1) };

/// The PKCS#8 key (RFC 5208) with its public half (RFC 5915); `None` where nothing is missing.
pub(super) fn completed(key: &[u8], certificate: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    let key = parts(AnyRef::from_der(key)?.value())?;
    let [version, algorithm, inner, ..] = key[..] else { return Err(Refusal::Damaged) };
    let kind = *parts(algorithm.value())?.first().ok_or(Refusal::Damaged)?;
    if kind.decode_as::<ObjectIdentifier>()? != ELLIPTIC {
        return Ok(None);
    }
    let inner = parts(AnyRef::from_der(inner.value())?.value())?;
    if inner.iter().any(|part| part.tag() == PUBLIC_HALF) {
        return Ok(None);
    }
    let half = public_half(certificate)?.to_der()?;
    let half = AnyRef::new(PUBLIC_HALF, &half)?;
    let inner = sequence(&[&inner[..], &[half]].concat())?;
    sequence(&[version, algorithm, AnyRef::new(Tag::OctetString, &inner)?]).map(Some)
}

/// The bits of the public key (RFC 5280, section 4.1).
fn public_half(certificate: &[u8]) -> Result<AnyRef<'_>, Refusal> {
    let certificate = parts(AnyRef::from_der(certificate)?.value())?;
    let fields = parts(certificate.first().ok_or(Refusal::Damaged)?.value())?;
    let has_version = fields.first().is_some_and(|field| field.tag().is_context_specific());
    let key = *fields.get(if has_version { 6 } else { 5 }).ok_or(Refusal::Damaged)?;
    let [_algorithm, bits] = exactly(key)?;
    Ok(bits)
}

fn sequence(parts: &[AnyRef<'_>]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut content = Zeroizing::new(Vec::new());
    for part in parts {
        content.extend_from_slice(&Zeroizing::new(part.to_der()?));
    }
    Ok(Zeroizing::new(AnyRef::new(Tag::Sequence, &content)?.to_der()?))
}
