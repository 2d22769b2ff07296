//! Requests of your own, without naming the crate `http`.

use http::{HeaderValue, Method, Uri, header::CONTENT_TYPE};

use crate::{Error, Request};

/// `GET` of a path such as `/v1/api/portfolio/accounts`, with its query.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) when the path cannot stand in a URL.
pub fn get(path: &str) -> Result<Request, Error> {
    request(Method::GET, path, Vec::new())
}

/// `POST` of JSON to a path.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) when the path cannot stand in a URL.
pub fn post_json(path: &str, json: Vec<u8>) -> Result<Request, Error> {
    let mut request = request(Method::POST, path, json)?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

fn request(method: Method, path: &str, body: Vec<u8>) -> Result<Request, Error> {
    let unusable = |_| Error::config("the path cannot stand in a URL", "encode it: a space is %20");
    let url: Uri = path.parse().map_err(unusable)?;
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut()) = (method, url);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_request_is_what_was_asked_for() {
        let request = post_json("/v1/api/iserver/reply/1?a=b", r#"{"confirmed":true}"#.into()).unwrap();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/v1/api/iserver/reply/1"));
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(get("/v1/api/tickle").unwrap().body().len(), 0);
        assert_eq!(get("/v1/api/a b").unwrap_err().kind(), ErrorKind::Config);
    }
}
