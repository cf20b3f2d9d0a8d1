// A program on the types that openapi-typescript generates: SERVER USER.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const [baseUrl, user] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

await client.PUT("/v1/topics/{topic}/followers/{user}", { params: { path: { topic: "author/43", user } } });
const made = await client.POST("/v1/notifications", { body: { to: { topic: "author/43" }, type: "like", title: "Bob" } });
check(made.data !== undefined, made.error);
const listed = await client.GET("/v1/inbox", { params: { query: { user } } });
check(listed.data?.data[0]?.id === made.data.id && listed.data.data[0].status === "UNREAD", listed);
await client.POST("/v1/inbox/read", { params: { query: { user } }, body: { ids: [made.data.id] } });
const page = await client.GET("/v1/poll", { params: { query: { user, cursor: made.data.cursor } } });
check(page.data?.events[0]?.type === "inbox.read", page);
