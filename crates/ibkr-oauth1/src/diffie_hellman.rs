//! The exchange by which client and IBKR come to one secret: Diffie-Hellman in a group that the user has
//! given to IBKR beforehand.

use std::fmt;

use crypto_bigint::{
    BoxedUint, CtEq, CtLt,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use ibkr_jws::pem_file;
use pkcs1::{
    UintRef,
    der::{self, Decode, Encode},
};
use zeroize::Zeroizing;

use crate::hex;

/// The prime and the generator that IBKR has as well: the DH parameters that were uploaded to its portal, or
/// sent to it.
///
/// IBKR asks for a prime of 2048 bits. That it is prime is not checked, only what makes a number useless.
#[derive(Clone)]
pub struct DhParameters {
    generator: BoxedUint,
    modulus: BoxedMontyParams,
}

/// An exchange in less is broken in hours; IBKR's published examples have a prime of this length.
const FEWEST_BITS: usize = 256;
/// Beyond it a single exchange takes seconds.
const MOST_BITS: usize = 8192;

impl DhParameters {
    /// A prime that needs not be searched for, to be taken with the generator 2: the one of 2048 bits of RFC
    /// 3526 §3, whose digits are those of pi, so that nobody can have chosen it. IBKR says nothing against
    /// it. To have computed with a prime of this length before, for all who use it, is out of reach.
    pub const GROUP_14: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
         ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
         ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f\
         83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b\
         e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510\
         15728e5a8aacaa68ffffffffffffffff";

    /// Reads `BEGIN DH PARAMETERS`, as `openssl dhparam` writes it, from a file in any of the shapes that
    /// [`blocks`](ibkr_jws::pem_file::blocks) sees through. The generator is the one of the file.
    ///
    /// # Errors
    /// A [`DhError`] that says what is wrong with the file and what to do about it.
    pub fn from_pem(file: &[u8]) -> Result<Self, DhError> {
        let blocks = pem_file::blocks(file);
        let block = blocks.iter().find(|block| block.label == LABEL).ok_or(DhError::NoPemSection)?;
        let der = block.content.as_ref().map_err(|_| DhError::Malformed)?;
        let Asn1 { prime, base } = Asn1::from_der(der).map_err(|_| DhError::Malformed)?;
        Self::new(prime.as_bytes(), base.as_bytes())
    }

    /// Takes the prime in hexadecimal as people write it: with or without `0x`, in groups with spaces, line
    /// breaks or colons, in small digits or capitals. The generator is 2 unless the file says something else.
    ///
    /// # Errors
    /// A [`DhError`] that says what is wrong with the numbers.
    pub fn from_hex(prime: &str, generator: u32) -> Result<Self, DhError> {
        let digits: String = prime.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
        let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(&digits);
        let prime = hex::decode_number(digits).ok_or(DhError::NotHex)?;
        Self::new(&prime, &generator.to_be_bytes())
    }

    fn new(prime: &[u8], generator: &[u8]) -> Result<Self, DhError> {
        let parameters = Self::of_any_size(prime, generator)?;
        match parameters.bits() {
            FEWEST_BITS..=MOST_BITS => Ok(parameters),
            bits => Err(DhError::Size { bits }),
        }
    }

    fn of_any_size(prime: &[u8], generator: &[u8]) -> Result<Self, DhError> {
        let prime = trimmed(prime);
        if prime.len() > 2 * MOST_BITS / 8 {
            return Err(DhError::Size { bits: 8 * prime.len() });
        }
        let prime = BoxedUint::from_be_slice_vartime(prime);
        let precision = prime.bits_precision();
        let bits = prime.bit_width_vartime() as usize;
        let odd = prime.into_odd().into_option().filter(|_| bits > 2).ok_or(DhError::Prime { bits })?;
        let generator = BoxedUint::from_be_slice(trimmed(generator), precision).ok();
        // All of this is public, and its times may be too.
        let modulus = BoxedMontyParams::new_vartime(odd);
        let generator = generator.filter(|generator| is_between(generator, &modulus));
        Ok(Self { generator: generator.ok_or(DhError::Generator)?, modulus })
    }

    /// Length of the prime in bits.
    pub fn bits(&self) -> usize {
        self.modulus.modulus().as_ref().bit_width_vartime() as usize
    }

    /// As `BEGIN DH PARAMETERS`: what IBKR gets.
    pub fn to_pem(&self) -> String {
        let prime = self.modulus.modulus().as_ref().to_be_bytes_trimmed_vartime();
        let base = self.generator.to_be_bytes_trimmed_vartime();
        let whole =
            UintRef::new(&prime).and_then(|prime| Asn1 { prime, base: UintRef::new(&base)? }.to_der());
        let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        // ASN.1 has no number of at most MOST_BITS that it could not hold.
        pem::encode_config(&pem::Pem::new(LABEL, whole.unwrap_or_default()), line_feeds)
    }

    /// `diffie_hellman_challenge`: the generator to the power of `exponent`, in small hex digits, without
    /// `0x` and leading zeros (O OAPDF).
    pub fn challenge(&self, exponent: &Exponent) -> String {
        hex::encode_number(&self.power(self.generator.clone(), exponent).to_be_bytes())
    }

    /// What IBKR comes to as well, of its `diffie_hellman_response` and the exponent of the challenge that
    /// was sent.
    ///
    /// # Errors
    /// [`DhError::ResponseNotHex`] unless it is hex digits, of any number. [`DhError::Response`] if it is a
    /// number that IBKR cannot have computed, and that would make the secret one that all can know: 0, 1, the
    /// prime less 1, and whatever is not below the prime.
    pub fn shared(&self, response: &str, exponent: &Exponent) -> Result<SharedSecret, DhError> {
        let response = hex::decode_number(response).ok_or(DhError::ResponseNotHex)?;
        let response = BoxedUint::from_be_slice(trimmed(&response), self.precision());
        let response = response.ok().filter(|number| is_between(number, &self.modulus));
        let shared = self.power(response.ok_or(DhError::Response)?, exponent);
        // Of a number whose powers are few the secret is one of those few.
        if !is_between(&shared, &self.modulus) {
            return Err(DhError::Response);
        }
        Ok(SharedSecret::new(&shared))
    }

    /// In constant time, as far as `exponent` is concerned.
    fn power(&self, base: BoxedUint, exponent: &Exponent) -> Zeroizing<BoxedUint> {
        let exponent = Zeroizing::new(BoxedUint::from_be_slice_truncated(&*exponent.0, EXPONENT_BITS));
        let base = Zeroizing::new(BoxedMontyForm::new(base, &self.modulus));
        let power = Zeroizing::new(base.pow_bounded_exp(&exponent, EXPONENT_BITS));
        Zeroizing::new(power.retrieve())
    }

    fn precision(&self) -> u32 {
        self.modulus.bits_precision()
    }
}

/// Whether 1 < `number` < prime - 1, in constant time but for the answer.
fn is_between(number: &BoxedUint, modulus: &BoxedMontyParams) -> bool {
    let precision = modulus.bits_precision();
    let one = BoxedUint::one_with_precision(precision);
    let last = modulus.modulus().as_ref().wrapping_sub(&one);
    (one.ct_lt(number) & number.ct_lt(&last)).to_bool()
}

/// Without leading zeros: for numbers that anyone may know.
fn trimmed(big_endian: &[u8]) -> &[u8] {
    let significant = big_endian.iter().position(|byte| *byte != 0).unwrap_or(big_endian.len());
    &big_endian[significant..]
}

impl PartialEq for DhParameters {
    fn eq(&self, other: &Self) -> bool {
        let prime = |of: &Self| of.modulus.modulus().as_ref().to_be_bytes_trimmed_vartime();
        prime(self) == prime(other) && self.generator.ct_eq(&other.generator).to_bool()
    }
}

impl Eq for DhParameters {}

impl fmt::Debug for DhParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhParameters").field("bits", &self.bits()).finish_non_exhaustive()
    }
}

const LABEL: &str = "DH PARAMETERS";

/// `DHParameter` of PKCS#3 §9, whose third part, the length of exponents, IBKR fixes.
struct Asn1<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
}

impl<'a> der::Sequence<'a> for Asn1<'a> {}

impl<'a> der::DecodeValue<'a> for Asn1<'a> {
    type Error = der::Error;

    fn decode_value<R: der::Reader<'a>>(reader: &mut R, _: der::Header) -> der::Result<Self> {
        let whole = Self { prime: reader.decode()?, base: reader.decode()? };
        let _length: Option<UintRef<'a>> = reader.decode()?;
        Ok(whole)
    }
}

impl der::EncodeValue for Asn1<'_> {
    fn value_len(&self) -> der::Result<der::Length> {
        self.prime.encoded_len()? + self.base.encoded_len()?
    }

    fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
        self.prime.encode(writer)?;
        self.base.encode(writer)
    }
}

/// The client's half of an exchange: 256 random bits, for this exchange alone. Wiped on drop, hidden in
/// `Debug`.
pub struct Exponent(Zeroizing<[u8; 32]>);

const EXPONENT_BITS: u32 = 256;

impl Exponent {
    /// Takes a number, big-endian: of the operating system's randomness, see
    /// [`Random::exponent`](crate::Random::exponent).
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exponent([redacted])")
    }
}

/// What both sides have come to: the key of the [`LiveSessionToken`](crate::LiveSessionToken)'s derivation.
/// Wiped on drop, hidden in `Debug`.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// The bytes that Java's `BigInteger.toByteArray` gives, because IBKR's side is Java (O OAPDF): as few as
    /// can hold the number *and a sign*, so that a zero byte comes first where the number fills its bytes,
    /// which is every other time with a prime just below a power of 256.
    ///
    /// How many there are shows in the time that HMAC takes, here and at IBKR's: it cannot be helped.
    fn new(number: &BoxedUint) -> Self {
        let padded = Zeroizing::new(number.to_be_bytes());
        let significant = trimmed(&padded);
        let mut bytes = Zeroizing::new(Vec::with_capacity(significant.len() + 1));
        if significant.first().is_none_or(|first| *first >= 0x80) {
            bytes.push(0);
        }
        bytes.extend_from_slice(significant);
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret([redacted])")
    }
}

/// Why an exchange cannot be made. Each text says what to do; none shows a number of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DhError {
    /// What to do: give the file that IBKR has.
    #[error(
        "no DH parameters in the file: it should hold a block that starts with `-----BEGIN DH PARAMETERS-----`; give the \
         file that was uploaded to IBKR"
    )]
    NoPemSection,
    /// What to do: copy the file that IBKR has, whole.
    #[error(
        "the DH parameters are damaged: copy the file whole once more; `openssl dhparam -in dhparam.pem -noout -text` \
         shows whether it can be read"
    )]
    Malformed,
    /// What to do: give hexadecimal digits.
    #[error(
        "the prime is not written in hexadecimal digits: copy it whole once more; \
         `openssl dhparam -in dhparam.pem -noout -text` shows it"
    )]
    NotHex,
    /// What to do: give the prime that IBKR has.
    #[error(
        "the number of {bits} bits is no prime: give the one of the DH parameters that were uploaded to IBKR; \
         `openssl dhparam -in dhparam.pem -noout -text` shows it"
    )]
    Prime {
        /// Length of the number.
        bits: usize,
    },
    /// What to do: make DH parameters of 2048 bits and give them to IBKR.
    #[error(
        "a prime of {bits} bits cannot be used, only one of 256 to 8192: if it was not copied wrongly, make one with \
         `openssl dhparam -out dhparam.pem 2048`, and give the file to IBKR"
    )]
    Size {
        /// Length of the prime.
        bits: usize,
    },
    /// What to do: give the generator of the file.
    #[error(
        "the generator does not belong to the prime: it is 2 for most DH parameters; \
         `openssl dhparam -in dhparam.pem -noout -text` shows it"
    )]
    Generator,
    /// What to do: try once more; find out what has answered.
    #[error(
        "IBKR's `diffie_hellman_response` is not written in hexadecimal digits: try once more; if it stays so, see whether \
         it was IBKR that has answered"
    )]
    ResponseNotHex,
    /// What to do: check the prime; try once more.
    #[error(
        "IBKR's `diffie_hellman_response` is no number that can belong to these DH parameters: check that the prime is the \
         one that was uploaded to IBKR, then try once more"
    )]
    Response,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Java's definition: two's complement, in bitLength / 8 + 1 bytes.
    #[test]
    fn every_length_of_a_shared_secret_has_the_bytes_of_java() {
        for length in 1..=256 {
            for first in [0x01, 0x40, 0x7F, 0x80, 0xC3, 0xFF] {
                let mut number = vec![0x5A; length];
                number[0] = first;
                let bits = 8 * length - u8::leading_zeros(first) as usize;
                let shared = SharedSecret::new(&BoxedUint::from_be_slice(&number, 2048).unwrap());
                assert_eq!(shared.bytes().len(), bits / 8 + 1, "{length} bytes, the first {first:x}");
                assert!(shared.bytes().ends_with(&number), "{length} bytes, the first {first:x}");
                assert_eq!(shared.bytes()[0] == 0, bits.is_multiple_of(8));
            }
        }
    }

    fn naive(base: u64, exponent: u64, prime: u64) -> u64 {
        (0..exponent).fold(1, |power, _| power * base % prime)
    }

    /// All responses in groups that are small enough to try them all.
    #[test]
    fn what_all_can_know_is_no_shared_secret() {
        for prime in [5, 7, 11, 23, 241, 251, 257, 65537_u64] {
            let group = DhParameters::of_any_size(&prime.to_be_bytes(), &[2]).unwrap();
            for power in [1, 2, 3, 6, 12, 200] {
                let mut bytes = [0; 32];
                bytes[31] = power;
                let exponent = Exponent::new(bytes);
                assert_eq!(group.challenge(&exponent), format!("{:x}", naive(2, power.into(), prime)));
                for response in (0..300).chain(prime - 3..prime + 3) {
                    let known = |number| number < 2 || number >= prime - 1;
                    let expected = naive(response % prime, power.into(), prime);
                    match group.shared(&format!("{response:x}"), &exponent) {
                        Ok(shared) => {
                            assert!(!known(response) && !known(expected), "{response}^{power} mod {prime}");
                            assert_eq!(*trimmed(shared.bytes()), *trimmed(&expected.to_be_bytes()));
                        }
                        Err(error) => {
                            assert_eq!(error, DhError::Response);
                            assert!(known(response) || known(expected), "{response}^{power} mod {prime}");
                        }
                    }
                }
            }
        }
    }
}
