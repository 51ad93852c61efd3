//! A tiny HTTP server on this machine, for the tests of downloads and uploads; `tests/program` uses it too.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What a reply waits for. One that nobody opens keeps it waiting until the test's process ends.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The connection ends after so many bytes of the body.
    pub cut: Option<usize>,
    /// Silence before that end, until the gate is opened.
    pub stalls: Option<Gate>,
    /// The whole body, whatever part is asked for.
    pub ignores_range: bool,
}

impl Reply {
    pub fn ok(body: &[u8]) -> Reply {
        Reply { status: 200, body: body.to_vec(), ..Reply::default() }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, ..Reply::default() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// A small file as a hub serves it.
    pub fn hub_file(commit: &str, etag: &str, body: &[u8]) -> Reply {
        Reply::ok(body).header("x-repo-commit", commit).header("etag", format!("\"{etag}\""))
    }
}

/// What was asked: the head with its first line, and the body.
#[derive(Clone)]
pub(crate) struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// `GET /path`
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        self.head.lines().skip(1).find(named)?.split_once(':').map(|(_, value)| value.trim())
    }
}

type Pages = HashMap<String, Vec<Reply>>;

/// Runs until the process ends. Each page's replies are given in turn, the last one for ever.
pub(crate) struct Stub {
    pub address: String,
    pages: Arc<Mutex<Pages>>,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Pages are named by their path, or by method and path where these differ: `/a`, `HEAD /a`.
    pub fn start(pages: Vec<(&str, Vec<Reply>)>) -> Stub {
        let known: Arc<Mutex<Pages>> = Arc::default();
        let asked = known.clone();
        let stub = Stub::answering(known, move |request| {
            let mut pages = asked.lock().unwrap();
            let line = request.line();
            let page = if pages.contains_key(line) { line } else { line.split_once(' ').map_or("/", |(_, path)| path) };
            match pages.get_mut(page) {
                Some(replies) if replies.len() > 1 => replies.remove(0),
                Some(replies) => replies[0].clone(),
                None => Reply::status(404),
            }
        });
        pages.into_iter().for_each(|(page, replies)| stub.page(page, replies));
        stub
    }

    /// What it answers is said by a function.
    pub fn of(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Stub {
        Stub::answering(Arc::default(), answer)
    }

    fn answering(pages: Arc<Mutex<Pages>>, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stub = Stub { address, pages, log: Arc::default() };
        let (reply, log) = (Arc::new(reply), stub.log.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reply, log) = (reply.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &*reply, &log));
            }
        });
        stub
    }

    /// Adds or replaces a page.
    pub fn page(&self, page: &str, replies: Vec<Reply>) {
        self.pages.lock().unwrap().insert(page.to_string(), replies);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// `GET /a` for every request so far.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.line().to_string()).collect()
    }
}

fn answer(mut stream: TcpStream, reply: &dyn Fn(&Request) -> Reply, log: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while reader.read_line(&mut head)? > 2 {}
    let mut request = Request { head, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body)?;
    let line = request.line().to_string();
    let method = line.split_once(' ').map_or("GET", |(method, _)| method);
    log.lock().unwrap().push(request.clone());
    let mut reply = reply(&request);
    if reply.status == 0 {
        // It is gone before it says a word.
        return Ok(());
    }
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    if let Some((start, _)) = range.filter(|_| reply.status == 200 && !reply.ignores_range) {
        let (start, size) = (start.parse::<usize>().unwrap(), reply.body.len());
        if start >= size {
            reply.status = 416;
            reply.body.clear();
        } else {
            reply = reply.header("content-range", format!("bytes {start}-{}/{size}", size - 1));
            reply.body.drain(..start);
            reply.status = 206;
        }
    }
    write!(stream, "HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len())?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    if method == "HEAD" {
        return Ok(());
    }
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())])?;
    stream.flush()?;
    if let Some(gate) = &reply.stalls {
        gate.wait();
    }
    Ok(())
}
