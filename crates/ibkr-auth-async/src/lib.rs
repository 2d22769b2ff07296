//! Logs in to Interactive Brokers' Web API with tokio and reqwest
