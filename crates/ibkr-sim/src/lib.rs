//! A strict simulator of Interactive Brokers' Web API servers, for tests and development without an account
