// A JavaScript library receives one user's stream: `receive.js LIBRARY URL` prints each event as a line of JSON.

const [library, url] = process.argv.slice(2);
const TYPES = ["hello", "reset", "goaway", "notification.created"];

const tell = (id, type, data) => console.log(JSON.stringify({ id: id ?? "", type, data }));

/** Receive as a page does, from whatever has the face of `EventSource`. */
function listen(source) {
  for (const type of TYPES) source.addEventListener(type, (event) => tell(event.lastEventId, type, event.data));
  source.onmessage = (event) => tell(event.lastEventId, event.type, event.data);
  source.onerror = () => {};
}

const LIBRARIES = {
  "@microsoft/fetch-event-source": async () => {
    globalThis.window = globalThis; // it is made for pages
    globalThis.document = { addEventListener() {}, removeEventListener() {}, hidden: false };
    const { fetchEventSource } = await import("@microsoft/fetch-event-source");
    await fetchEventSource(url, {
      openWhenHidden: true,
      onmessage: ({ id, event, data }) => tell(id, event, JSON.stringify(JSON.parse(data))),
      onclose: () => {
        throw new Error("ended"); // its way to be told to come back
      },
      onerror: (error) => {
        if (error instanceof SyntaxError) process.exit(1); // an event without data
      },
    });
  },
  "event-source-polyfill": async () => {
    const { EventSourcePolyfill } = (await import("event-source-polyfill")).default;
    listen(new EventSourcePolyfill(url));
  },
  "reconnecting-eventsource": async () => {
    const { EventSource } = await import("eventsource");
    const { default: Reconnecting } = await import("reconnecting-eventsource");
    listen(new Reconnecting(url, { eventSourceClass: EventSource }));
  },
  eventsource: async () => listen(new (await import("eventsource")).EventSource(url)),
  "eventsource-2": async () => listen(new (await import("eventsource-2")).default(url)),
  "eventsource-3": async () => listen(new (await import("eventsource-3")).EventSource(url)),
  "eventsource-client": async () => {
    const { createEventSource } = await import("eventsource-client");
    for await (const { id, event, data } of createEventSource({ url })) tell(id, event, data);
  },
  "extended-eventsource": async () => {
    const { EventSource } = await import("extended-eventsource");
    listen(new EventSource(url, { disableLogger: true }));
  },
  "launchdarkly-eventsource": async () => {
    const { EventSource } = (await import("launchdarkly-eventsource")).default;
    listen(new EventSource(url));
  },
  undici: async () => {
    listen(new (await import("undici")).EventSource(url));
    setInterval(() => {}, 60_000); // its wait before the next attempt keeps no program running
  },
};

await LIBRARIES[library]();
