//! A Rust library receives one user's stream: `receive LIBRARY URL` prints each event as a line of JSON.

use eventsource_client::{Client, ClientBuilder, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;
use reqwest_eventsource::{Event, EventSource};
use serde_json::json;

fn tell(id: &str, kind: &str, data: &str) {
    println!("{}", json!({"id": id, "type": kind, "data": data}));
}

async fn launchdarkly(url: &str) {
    let transport = HyperTransport::builder().build_http().expect("a transport");
    let client = ClientBuilder::for_url(url).expect("a URL").build_with_transport(transport);
    let mut stream = client.stream();
    while let Some(next) = stream.next().await {
        match next {
            Ok(SSE::Event(event)) => tell(&event.id.unwrap_or_default(), &event.event_type, &event.data),
            Ok(_) => {}
            Err(error) => eprintln!("{error}"),
        }
    }
}

async fn reqwest(url: &str) {
    let mut source = EventSource::get(url);
    while let Some(next) = source.next().await {
        match next {
            Ok(Event::Message(event)) => tell(&event.id, &event.event, &event.data),
            Ok(Event::Open) => {}
            Err(error) => eprintln!("{error}"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let argv: Vec<String> = std::env::args().collect();
    match argv[1].as_str() {
        "eventsource-client" => launchdarkly(&argv[2]).await,
        "reqwest-eventsource" => reqwest(&argv[2]).await,
        other => panic!("no such library: {other}"),
    }
}
