//! Reads config.yaml and the environment into settings for ibkr-auth's clients
