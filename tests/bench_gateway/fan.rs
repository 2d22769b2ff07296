//! Many clients of one stream: what an idle one costs, how soon the last one has a frame, what that costs.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_tests::{lab::Lab, usage::Usage};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use serde_json::json;
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const TOPIC: &str = "smd+265598";
/// Behind it a frame says which one it is.
const MARK: &[u8] = b"\"number\":";
/// Between two frames of the paced part.
const EVERY: Duration = Duration::from_millis(50);
/// So many frames are under way at once in the flood.
const WINDOW: usize = 16;
const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<Box<dyn Wire>>;

trait Wire: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Wire for T {}

pub(crate) fn run(folder: &Path, core: &str, style: &str, clients: usize, seconds: usize) {
    // Prices of the simulator's own do not disturb.
    let lab = Lab::with(|config| config.sim.rules.ws_tick_every = Duration::from_secs(3_600));
    std::fs::write(folder.join("ca.pem"), lab.server.ca_pem()).expect("a file");
    let gateway = Served::start(folder, core, style, &lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut first = gateway.client().await;
        first.send(Message::text(format!(r#"{TOPIC}+{{"fields":["31"]}}"#))).await.expect("a stream");
        heard(&mut first, TOPIC.as_bytes()).await;

        let before = gateway.memory();
        let mut all = Vec::new();
        for _ in 0..clients {
            let mut client = gateway.client().await;
            heard(&mut client, b"\"sts\"").await;
            all.push(client);
        }
        println!("idle {:.2}", (gateway.memory() - before) as f64 / clients as f64);

        let crowd = Crowd::follow(all).await;
        crowd.paced(&lab, &gateway, seconds).await;
        crowd.flood(&lab, &gateway, seconds).await;
    });
}

/// The gateway, a process of its own.
struct Served {
    process: Child,
    pid: u32,
    address: String,
    tls: Option<TlsConnector>,
}

impl Served {
    fn start(folder: &Path, core: &str, style: &str, lab: &Lab) -> Self {
        let own = std::env::current_exe().expect("this program");
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(own).arg("serve").arg(folder);
        command.args([&lab.server.base_url(), &lab.server.lookup_url(), style]);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("taskset is there");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("serve ").expect("an address").to_owned();
        let tls = (style != "plain").then(|| trusting(&folder.join("gateway")));
        // taskset has become the program.
        Self { pid: process.id(), process, address, tls }
    }

    async fn client(&self) -> Socket {
        let stream = TcpStream::connect(&self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let stream: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = "localhost".try_into().expect("a name");
                Box::new(tls.connect(name, stream).await.expect("TLS"))
            }
        };
        let request = "ws://localhost/v1/api/ws".into_client_request().expect("a request");
        client_async(request, stream).await.expect("a WebSocket").0
    }

    fn memory(&self) -> i64 {
        i64::try_from(Usage::of(self.pid).memory).unwrap_or(i64::MAX)
    }

    fn processor(&self) -> Duration {
        Usage::of(self.pid).processor
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn trusting(folder: &Path) -> TlsConnector {
    let files = std::fs::read_dir(folder).expect("the gateway's folder");
    let mut store = RootCertStore::empty();
    for file in files.filter_map(Result::ok) {
        for certificate in CertificateDer::pem_file_iter(file.path()).expect("a file").filter_map(Result::ok)
        {
            let _ = store.add(certificate);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Waits for a frame with this in it.
async fn heard(socket: &mut Socket, what: &[u8]) {
    let next = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.into_data().windows(what.len()).any(|part| part == what) {
                return;
            }
        }
        panic!("the stream has ended");
    };
    timeout(PATIENCE, next).await.expect("a frame in time");
}

/// Clients that count what they get.
struct Crowd {
    clients: usize,
    counts: Arc<Vec<AtomicUsize>>,
    /// The numbers of frames that all have, and when the last one had it.
    complete: tokio::sync::Mutex<mpsc::UnboundedReceiver<(usize, Instant)>>,
    next: AtomicUsize,
}

impl Crowd {
    async fn follow(all: Vec<Socket>) -> Self {
        let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..100_000).map(|_| AtomicUsize::new(0)).collect());
        let clients = all.len();
        let (tell, complete) = mpsc::unbounded_channel();
        for mut client in all {
            let wish = Message::text(format!(r#"{TOPIC}+{{"fields":["31"]}}"#));
            client.send(wish).await.expect("a stream");
            heard(&mut client, TOPIC.as_bytes()).await;
            let (counts, tell) = (Arc::clone(&counts), tell.clone());
            tokio::spawn(async move {
                while let Some(Ok(message)) = client.next().await {
                    let Some(number) = number_in(&message.into_data()) else { continue };
                    if counts[number].fetch_add(1, Ordering::Relaxed) + 1 == clients {
                        let _ = tell.send((number, Instant::now()));
                    }
                }
            });
        }
        Self { clients, counts, complete: tokio::sync::Mutex::new(complete), next: AtomicUsize::new(0) }
    }

    fn push(&self, lab: &Lab) -> usize {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(number < self.counts.len(), "fewer frames than that");
        lab.server.handle().push(&json!({
            "topic": TOPIC, "conid": 265598, "conidEx": "265598", "_updated": 1_795_021_200_000_u64,
            "server_id": "q0", "6509": "RpB", "31": "100.00", "84": "99.98", "86": "100.02", "number": number,
        }));
        number
    }

    /// The number of the next frame that all have, and when.
    async fn complete(&self) -> (usize, Instant) {
        let next = async { self.complete.lock().await.recv().await.expect("clients") };
        timeout(PATIENCE, next).await.expect("every client has the frame in time")
    }

    async fn paced(&self, lab: &Lab, gateway: &Served, seconds: usize) {
        let frames = seconds * 1_000 / EVERY.as_millis() as usize;
        let (processor, mut took) = (gateway.processor(), Vec::new());
        for _ in 0..frames {
            let begin = Instant::now();
            self.push(lab);
            took.push(self.complete().await.1 - begin);
            tokio::time::sleep_until((begin + EVERY).into()).await;
        }
        took.sort_unstable();
        let percentile = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)].as_micros();
        let each = self.each(gateway.processor() - processor, frames);
        println!("paced {} {} {each:.2}", percentile(50), percentile(99));
    }

    async fn flood(&self, lab: &Lab, gateway: &Served, seconds: usize) {
        let (processor, begin) = (gateway.processor(), Instant::now());
        let until = begin + Duration::from_secs(seconds as u64);
        (0..WINDOW).for_each(|_| {
            self.push(lab);
        });
        let (mut frames, mut open) = (0, WINDOW);
        while open > 0 {
            self.complete().await;
            (frames, open) = (frames + 1, open - 1);
            if Instant::now() < until {
                self.push(lab);
                open += 1;
            }
        }
        let rate = (frames * self.clients) as f64 / begin.elapsed().as_secs_f64();
        println!("flood {rate:.0} {:.2}", self.each(gateway.processor() - processor, frames));
    }

    /// Microseconds of processor time for each frame that a client got.
    fn each(&self, processor: Duration, frames: usize) -> f64 {
        processor.as_secs_f64() * 1e6 / (frames * self.clients) as f64
    }
}

fn number_in(frame: &[u8]) -> Option<usize> {
    let begin = frame.windows(MARK.len()).position(|part| part == MARK)? + MARK.len();
    let digits = frame[begin..].iter().take_while(|byte| byte.is_ascii_digit());
    std::str::from_utf8(&frame[begin..begin + digits.count()]).ok()?.parse().ok()
}
