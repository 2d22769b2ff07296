//! `GET https://interactivebrokers.com/authorize`: the page on which a user lets a third party in.

use crate::{
    Endpoint,
    answer::{Answer, Answered, shown},
    call::Call,
    sim::Sim,
};

const FIX: &str = "Open /authorize?oauth_token= with a new request token, once";

impl Sim {
    pub(crate) fn portal(&mut self, call: &Call<'_>) -> Answered {
        self.servers_up(call)?;
        if call.endpoint != Endpoint::Authorize || call.request.method() != http::Method::GET {
            let why = format!("there is nothing at {}", shown(call.path()));
            return Err(Answer::html(404, "Not Found").because("path", why, "Open /authorize"));
        }
        let query = call.query();
        let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let token = get("oauth_token").unwrap_or("");
        let requested = self.store.requested.get(token);
        let Some(requested) = requested.filter(|known| known.expires > call.now && known.consent.is_none())
        else {
            let why = "the request token is unknown, too old, or was answered before";
            return Err(Answer::html(401, "Unauthorized").because("oauth_token", why, FIX));
        };
        let target = self.target(&requested.consumer_key, &requested.callback, get("redirect_uri"))?;
        match (get("decision"), get("username")) {
            (None, _) => Ok(self.question(&requested.consumer_key, call)),
            (Some("allow"), Some(name)) if self.config.users.iter().any(|user| user.credential == name) => {
                Ok(self.consent(token, name, target))
            }
            (Some("refuse"), _) => {
                self.store.requested.remove(token);
                Ok(Answer::page(200, "Refused", "<p>Nothing was allowed.</p>"))
            }
            _ => {
                let fix = "Follow one of the links of the page";
                Err(Answer::html(400, "Bad Request").because("credential", "there is no such username", fix))
            }
        }
    }

    /// Where the browser goes with the verifier; `None` shows it on the page.
    fn target(&self, consumer: &str, callback: &str, asked: Option<&str>) -> Result<Option<String>, Answer> {
        let consumer = self.config.consumers.iter().find(|known| known.consumer_key == consumer);
        let registered = consumer.and_then(|consumer| consumer.callback.as_deref());
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        match asked {
            Some(asked) if !is_url(asked) || registered.is_some_and(|registered| registered != asked) => {
                let why = format!("redirect_uri `{}` is not the registered one", shown(asked));
                let fix = "Leave redirect_uri out, or send the URL that was registered";
                Err(Answer::html(400, "Bad Request").because("redirect_uri", why, fix))
            }
            Some(asked) => Ok(Some(asked.to_owned())),
            None => Ok((callback != "oob").then(|| callback.to_owned())),
        }
    }

    /// A link for each username, and one to refuse.
    fn question(&self, consumer: &str, call: &Call<'_>) -> Answer {
        let query = call.request.uri().query().unwrap_or("");
        let link = |decision: &[(&str, &str)], text: &str| {
            let more = form_urlencoded::Serializer::new(String::new()).extend_pairs(decision).finish();
            format!(
                "<li><a href=\"/authorize?{}&amp;{}\">{}</a></li>\n",
                escaped(query),
                escaped(&more),
                escaped(text)
            )
        };
        let allow = self.config.users.iter().map(|user| {
            let name = user.credential.as_str();
            link(&[("decision", "allow"), ("username", name)], &format!("Allow, as {name}"))
        });
        let links: String = allow.chain([link(&[("decision", "refuse")], "Refuse")]).collect();
        let consumer = escaped(consumer);
        Answer::page(200, "Authorize", &format!("<p>{consumer} asks to act for you.</p>\n<ul>\n{links}</ul>"))
    }

    fn consent(&mut self, token: &str, credential: &str, target: Option<String>) -> Answer {
        let verifier = self.ids.hex(20);
        if let Some(requested) = self.store.requested.get_mut(token) {
            requested.consent = Some((credential.to_owned(), verifier.clone()));
        }
        let shown = format!("<p>Verifier: <code>{verifier}</code></p>");
        let Some(target) = target else { return Answer::page(200, "Authorized", &shown) };
        let pairs = [("oauth_token", token), ("oauth_verifier", &verifier)];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let glue = if target.contains('?') { '&' } else { '?' };
        Answer::page(302, "Authorized", &shown).with_header("location", format!("{target}{glue}{query}"))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
