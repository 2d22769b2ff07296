//! Command line for logging in to Interactive Brokers' Web API
