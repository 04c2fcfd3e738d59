//! Compression of a response that is held until its browser requests it.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{SamlResponse, SecretText};
use rolecall_core::sign_in::{PackedResponse, ProviderError};

use super::message::unavailable;
use super::xml::malformed;

/// Compresses a response.
///
/// # Errors
/// [`rolecall_core::sign_in::RejectReason::Malformed`], if it is too large.
pub fn packed(xml: &str) -> Result<PackedResponse, ProviderError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(xml.as_bytes()).map_err(unavailable)?;
    let text = STANDARD.encode(encoder.finish().map_err(unavailable)?);
    if text.len() > limits::HELD_RESPONSE_BYTES_MAX {
        return Err(malformed(format!(
            "the compressed response has {} bytes, more than {}; configure the provider to send fewer attributes",
            text.len(),
            limits::HELD_RESPONSE_BYTES_MAX
        )));
    }
    Ok(PackedResponse::new(SecretText::new(text)))
}

/// Decompresses a response.
///
/// # Errors
/// [`rolecall_core::sign_in::RejectReason::Malformed`], if it was not compressed by this module.
pub fn unpacked(packed: &PackedResponse) -> Result<SamlResponse, ProviderError> {
    let not_ours = || malformed("a held response cannot be decompressed");
    let deflated = STANDARD
        .decode(packed.text().expose())
        .map_err(|_| not_ours())?;
    let mut xml = Vec::new();
    let most = limits::SAML_MESSAGE_BYTES_MAX as u64;
    let mut decoder = DeflateDecoder::new(deflated.as_slice()).take(most);
    decoder.read_to_end(&mut xml).map_err(|_| not_ours())?;
    Ok(SamlResponse::new(STANDARD.encode(xml)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_round_trips_compressed() {
        let xml = "<saml:AttributeValue>group</saml:AttributeValue>".repeat(4_000);
        let held = packed(&xml).unwrap();
        assert!(held.bytes() < xml.len() / 50);
        let back = STANDARD.decode(unpacked(&held).unwrap().expose()).unwrap();
        assert_eq!(back, xml.as_bytes());
    }

    #[test]
    fn incompressible_response_is_limited() {
        // A generator of incompressible numbers.
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + (state >> 33) as u8 % 90)
        });
        let noise: String = noise.take(limits::HELD_RESPONSE_BYTES_MAX).collect();
        let refusal = packed(&noise).unwrap_err();
        assert!(
            format!("{refusal:?}").contains("more than 131072"),
            "{refusal:?}"
        );
        let torn = PackedResponse::new(SecretText::new("AAAA"));
        assert!(unpacked(&torn).is_err());
    }
}
