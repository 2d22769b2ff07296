//! Sans-IO login and session state machine for Interactive Brokers' Web API (OAuth 2.0)
