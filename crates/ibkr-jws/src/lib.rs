//! Signs and verifies RS256 JSON Web Signatures (RFC 7515) for private_key_jwt client authentication
