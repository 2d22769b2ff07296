//! Logs in to Interactive Brokers' Web API with threads and ureq
