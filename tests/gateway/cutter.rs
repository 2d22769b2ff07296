//! Between the gateway and the simulator, where bytes are seen: it cuts a connection in the middle of an
//! order or of its answer, answers in the servers' place, or makes them forget.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ibkr_sim::{Handle, Sim};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// What happens to an order when it comes by for the first time; when it comes again, nothing does.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    Nothing,
    /// So many bytes of it go on (modulo its length and one), then both connections end.
    CutRequest {
        bytes: usize,
        resets: bool,
    },
    /// It is executed; so many bytes of the answer go on (modulo its length).
    CutAnswer {
        bytes: usize,
        resets: bool,
    },
    /// No answer, for long.
    Hang {
        is_processed: bool,
    },
    /// It is executed; the answer comes later.
    Late(Duration),
    /// It is executed; this comes before its answer.
    Early(&'static str),
    /// This is the answer.
    Instead {
        answer: String,
        is_processed: bool,
    },
    /// The servers have forgotten everything.
    Restart,
    /// The brokerage session is lost.
    Kick,
}

/// The cutter, as a test sees it.
#[derive(Clone)]
pub(crate) struct Cutter(Arc<Inner>);

struct Inner {
    sim: Handle,
    to: SocketAddr,
    plans: Mutex<HashMap<String, Plan>>,
    seen: Mutex<HashMap<String, usize>>,
    cuts: Mutex<BTreeSet<Cut>>,
}

/// Where something was cut: after so many bytes of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    pub(crate) part: Part,
    pub(crate) at: usize,
    pub(crate) of: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Request,
    Answer,
}

impl Cutter {
    /// Listens on a port of its own in front of a simulator without TLS.
    pub(crate) async fn start(sim: Handle, to: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let (plans, seen, cuts) = Default::default();
        let cutter = Self(Arc::new(Inner { sim, to, plans, seen, cuts }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let own = cutter.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cutter = own.clone();
                tokio::spawn(async move { cutter.serve(client).await });
            }
        });
        Ok((cutter, address))
    }

    pub(crate) fn plan(&self, coid: &str, plan: Plan) {
        self.0.plans.lock().unwrap().insert(coid.to_owned(), plan);
    }

    /// How often an order has come by.
    pub(crate) fn seen(&self, coid: &str) -> usize {
        self.0.seen.lock().unwrap().get(coid).copied().unwrap_or(0)
    }

    pub(crate) fn cuts(&self) -> BTreeSet<Cut> {
        self.0.cuts.lock().unwrap().clone()
    }

    fn cut(&self, part: Part, at: usize, of: usize) -> usize {
        self.0.cuts.lock().unwrap().insert(Cut { part, at, of });
        at
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut server = TcpStream::connect(self.0.to).await?;
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        while let Some(request) = message(&mut client, &mut asked).await? {
            match self.plan_of(&request) {
                Plan::Nothing => {}
                Plan::Restart => self.0.sim.restart(),
                Plan::Kick => {
                    self.0.sim.kick(None);
                    self.0.sim.with(Sim::release);
                }
                Plan::CutRequest { bytes, resets } => {
                    let at = self.cut(Part::Request, bytes % (request.len() + 1), request.len());
                    server.write_all(&request[..at]).await?;
                    return end(client, resets);
                }
                Plan::CutAnswer { bytes, resets } => {
                    server.write_all(&request).await?;
                    let answer = message(&mut server, &mut answered).await?.unwrap_or_default();
                    let at = self.cut(Part::Answer, bytes % answer.len().max(1), answer.len());
                    client.write_all(&answer[..at]).await?;
                    return end(client, resets);
                }
                Plan::Hang { is_processed } => {
                    if is_processed {
                        server.write_all(&request).await?;
                    }
                    // Until the gateway gives it up.
                    let mut rest = Vec::new();
                    client.read_to_end(&mut rest).await?;
                    return Ok(());
                }
                Plan::Late(by) => sleep(by).await,
                Plan::Early(answer) => client.write_all(answer.as_bytes()).await?,
                Plan::Instead { answer, is_processed } => {
                    if is_processed {
                        server.write_all(&request).await?;
                        message(&mut server, &mut answered).await?;
                    }
                    client.write_all(answer.as_bytes()).await?;
                    continue;
                }
            }
            server.write_all(&request).await?;
            let Some(answer) = message(&mut server, &mut answered).await? else { return Ok(()) };
            client.write_all(&answer).await?;
        }
        Ok(())
    }

    fn plan_of(&self, request: &[u8]) -> Plan {
        let text = String::from_utf8_lossy(request);
        let Some((_, rest)) = text.split_once(r#""cOID":""#) else { return Plan::Nothing };
        let coid = rest.split('"').next().unwrap_or_default();
        *self.0.seen.lock().unwrap().entry(coid.to_owned()).or_default() += 1;
        self.0.plans.lock().unwrap().remove(coid).unwrap_or(Plan::Nothing)
    }
}

fn end(client: TcpStream, resets: bool) -> io::Result<()> {
    if resets {
        client.set_zero_linger()?;
    }
    Ok(())
}

/// The next request or answer as a whole; `None` when the connection has ended.
async fn message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(length) = length(buffer).filter(|length| *length <= buffer.len()) {
            return Ok(Some(buffer.drain(..length).collect()));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    Some(head + body.unwrap_or(0))
}
